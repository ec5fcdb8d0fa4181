--
-- What \d commands say of the objects that users meet; vectordb's functions
-- and access methods have their comments where they are created.
--

COMMENT ON TYPE vector IS
    'vector of single precision numbers: ''[1,2,3]''; vector(n) has n dimensions';

-- distances and norms

COMMENT ON OPERATOR <-> (vector, vector) IS
    'Euclidean (L2) distance';
COMMENT ON OPERATOR <#> (vector, vector) IS
    'negative inner product';
COMMENT ON OPERATOR <=> (vector, vector) IS
    'cosine distance';
COMMENT ON OPERATOR <+> (vector, vector) IS
    'taxicab (L1) distance';
COMMENT ON FUNCTION vector_distance_support(internal) IS
    'tells the planner what a distance costs';
COMMENT ON FUNCTION l2_distance(vector, vector) IS
    'Euclidean (L2) distance: implementation of the operator <->';
COMMENT ON FUNCTION vector_negative_inner_product(vector, vector) IS
    'negative inner product: implementation of the operator <#>';
COMMENT ON FUNCTION cosine_distance(vector, vector) IS
    'cosine distance, 0 to 2: implementation of the operator <=>';
COMMENT ON FUNCTION l1_distance(vector, vector) IS
    'taxicab (L1) distance: implementation of the operator <+>';
COMMENT ON FUNCTION inner_product(vector, vector) IS
    'inner product';
COMMENT ON FUNCTION vector_l2_squared_distance(vector, vector) IS
    'square of the Euclidean distance';
COMMENT ON FUNCTION vector_spherical_distance(vector, vector) IS
    'angle between vectors of length 1, divided by pi';
COMMENT ON FUNCTION vector_norm(vector) IS
    'Euclidean norm';
COMMENT ON FUNCTION l2_norm(vector) IS
    'Euclidean norm';
COMMENT ON FUNCTION l2_normalize(vector) IS
    'vector of the same direction with norm 1';

-- elements and arithmetic

COMMENT ON OPERATOR + (vector, vector) IS
    'sum, number by number';
COMMENT ON OPERATOR - (vector, vector) IS
    'difference, number by number';
COMMENT ON OPERATOR * (vector, vector) IS
    'product, number by number';
COMMENT ON OPERATOR || (vector, vector) IS
    'both vectors, one after the other';
COMMENT ON FUNCTION vector_add(vector, vector) IS
    'implementation of the operator +';
COMMENT ON FUNCTION vector_sub(vector, vector) IS
    'implementation of the operator -';
COMMENT ON FUNCTION vector_mul(vector, vector) IS
    'implementation of the operator *';
COMMENT ON FUNCTION vector_concat(vector, vector) IS
    'implementation of the operator ||';
COMMENT ON FUNCTION vector_dims(vector) IS
    'number of dimensions';
COMMENT ON FUNCTION subvector(vector, integer, integer) IS
    'part of a vector: from which number on, counted from 1, and how many';
COMMENT ON FUNCTION binary_quantize(vector) IS
    'one bit for each number, 1 if it is positive';
COMMENT ON AGGREGATE avg(vector) IS
    'average, number by number';
COMMENT ON AGGREGATE sum(vector) IS
    'sum, number by number';
COMMENT ON FUNCTION vector_accum(double precision[], vector) IS
    'aggregate transition function';
COMMENT ON FUNCTION vector_combine(double precision[], double precision[]) IS
    'aggregate combine function';
COMMENT ON FUNCTION vector_avg(double precision[]) IS
    'aggregate final function';

-- comparison and hashing

COMMENT ON OPERATOR < (vector, vector) IS
    'less than';
COMMENT ON FUNCTION vector_lt(vector, vector) IS
    'implementation of the operator <';
COMMENT ON OPERATOR <= (vector, vector) IS
    'less than or equal';
COMMENT ON FUNCTION vector_le(vector, vector) IS
    'implementation of the operator <=';
COMMENT ON OPERATOR = (vector, vector) IS
    'equal';
COMMENT ON FUNCTION vector_eq(vector, vector) IS
    'implementation of the operator =';
COMMENT ON OPERATOR <> (vector, vector) IS
    'not equal';
COMMENT ON FUNCTION vector_ne(vector, vector) IS
    'implementation of the operator <>';
COMMENT ON OPERATOR >= (vector, vector) IS
    'greater than or equal';
COMMENT ON FUNCTION vector_ge(vector, vector) IS
    'implementation of the operator >=';
COMMENT ON OPERATOR > (vector, vector) IS
    'greater than';
COMMENT ON FUNCTION vector_gt(vector, vector) IS
    'implementation of the operator >';
COMMENT ON FUNCTION vector_cmp(vector, vector) IS
    'less-equal-greater: -1, 0 or 1';
COMMENT ON FUNCTION vector_hash(vector) IS
    'hash';
COMMENT ON FUNCTION vector_hash_extended(vector, bigint) IS
    'hash with a seed';

-- input, output and casts

COMMENT ON FUNCTION vector_in(cstring, oid, integer) IS
    'I/O';
COMMENT ON FUNCTION vector_out(vector) IS
    'I/O';
COMMENT ON FUNCTION vector_typmod_in(cstring[]) IS
    'I/O typmod';
COMMENT ON FUNCTION vector_recv(internal, oid, integer) IS
    'I/O';
COMMENT ON FUNCTION vector_send(vector) IS
    'I/O';
COMMENT ON FUNCTION vector(vector, integer, boolean) IS
    'check the dimensions: vector to vector(n)';
COMMENT ON FUNCTION array_to_vector(integer[], integer, boolean) IS
    'convert integer[] to vector';
COMMENT ON FUNCTION array_to_vector(real[], integer, boolean) IS
    'convert real[] to vector';
COMMENT ON FUNCTION array_to_vector(double precision[], integer, boolean) IS
    'convert double precision[] to vector';
COMMENT ON FUNCTION array_to_vector(numeric[], integer, boolean) IS
    'convert numeric[] to vector';
COMMENT ON FUNCTION vector_to_float4(vector, integer, boolean) IS
    'convert vector to real[]';

-- operator classes for sorting, grouping and joining

COMMENT ON OPERATOR CLASS vector_ops USING btree IS
    'order number by number';
COMMENT ON OPERATOR CLASS vector_ops USING hash IS
    'equality number by number';
