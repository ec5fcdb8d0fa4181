-- Access method "flat" and its operator classes.

CREATE FUNCTION flathandler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vdb_flat_handler'
    LANGUAGE C;

CREATE ACCESS METHOD flat TYPE INDEX HANDLER flathandler;

COMMENT ON ACCESS METHOD flat IS
    'exact nearest-neighbour search in compact codes of vectors';

-- What an operator class is about: metric and element type.
CREATE FUNCTION vector_l2_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vdb_vector_l2_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_ip_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vdb_vector_ip_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_cosine_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vdb_vector_cosine_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION vector_l1_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vdb_vector_l1_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE OPERATOR CLASS vector_l2_ops
    DEFAULT FOR TYPE vector USING flat AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<->> (vector, sphere_vector),
    FUNCTION 1 vector_l2_support(internal);

CREATE OPERATOR CLASS vector_ip_ops
    FOR TYPE vector USING flat AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<#>> (vector, sphere_vector),
    FUNCTION 1 vector_ip_support(internal);

CREATE OPERATOR CLASS vector_cosine_ops
    FOR TYPE vector USING flat AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<=>> (vector, sphere_vector),
    FUNCTION 1 vector_cosine_support(internal);

CREATE OPERATOR CLASS vector_l1_ops
    FOR TYPE vector USING flat AS
    OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops,
    OPERATOR 2 <<+>> (vector, sphere_vector),
    FUNCTION 1 vector_l1_support(internal);

COMMENT ON FUNCTION flathandler(internal) IS
    'handler of the index access method flat';
COMMENT ON FUNCTION vector_l2_support(internal) IS
    'support function of operator classes: Euclidean distance';
COMMENT ON FUNCTION vector_ip_support(internal) IS
    'support function of operator classes: negative inner product';
COMMENT ON FUNCTION vector_cosine_support(internal) IS
    'support function of operator classes: cosine distance';
COMMENT ON FUNCTION vector_l1_support(internal) IS
    'support function of operator classes: taxicab distance';
COMMENT ON OPERATOR CLASS vector_l2_ops USING flat IS
    'nearest by Euclidean distance, ORDER BY v <-> q; within a radius, WHERE v <<->> sphere(q, r)';
COMMENT ON OPERATOR CLASS vector_ip_ops USING flat IS
    'nearest by negative inner product, ORDER BY v <#> q; within a radius, WHERE v <<#>> sphere(q, r)';
COMMENT ON OPERATOR CLASS vector_cosine_ops USING flat IS
    'nearest by cosine distance, ORDER BY v <=> q; within a radius, WHERE v <<=>> sphere(q, r)';
COMMENT ON OPERATOR CLASS vector_l1_ops USING flat IS
    'nearest by taxicab distance, ORDER BY v <+> q; within a radius, WHERE v <<+>> sphere(q, r)';
