-- Access method "hnsw" and its operator classes.  None is the default: which
-- metric is meant has to be said.

CREATE FUNCTION hnswhandler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vdb_hnsw_handler'
    LANGUAGE C;

CREATE ACCESS METHOD hnsw TYPE INDEX HANDLER hnswhandler;

COMMENT ON ACCESS METHOD hnsw IS
    'nearest-neighbour search along a graph of vectors';

CREATE OPERATOR CLASS vector_l2_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<->> (vector, sphere_vector),
    FUNCTION 1 vector_l2_support(internal);

CREATE OPERATOR CLASS vector_ip_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<#>> (vector, sphere_vector),
    FUNCTION 1 vector_ip_support(internal);

CREATE OPERATOR CLASS vector_cosine_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<=>> (vector, sphere_vector),
    FUNCTION 1 vector_cosine_support(internal);

CREATE OPERATOR CLASS vector_l1_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<+>> (vector, sphere_vector),
    FUNCTION 1 vector_l1_support(internal);

COMMENT ON FUNCTION hnswhandler(internal) IS
    'handler of the index access method hnsw';
COMMENT ON OPERATOR CLASS vector_l2_ops USING hnsw IS
    'nearest by Euclidean distance, ORDER BY v <-> q; within a radius, WHERE v <<->> sphere(q, r)';
COMMENT ON OPERATOR CLASS vector_ip_ops USING hnsw IS
    'nearest by negative inner product, ORDER BY v <#> q; within a radius, WHERE v <<#>> sphere(q, r)';
COMMENT ON OPERATOR CLASS vector_cosine_ops USING hnsw IS
    'nearest by cosine distance, ORDER BY v <=> q; within a radius, WHERE v <<=>> sphere(q, r)';
COMMENT ON OPERATOR CLASS vector_l1_ops USING hnsw IS
    'nearest by taxicab distance, ORDER BY v <+> q, without a graph; within a radius, WHERE v <<+>> sphere(q, r)';
