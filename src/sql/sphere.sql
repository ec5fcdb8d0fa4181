
--
-- Range search: spheres, and the operators that say what is in one.
--

CREATE TYPE sphere_vector AS (
    center vector,
    radius double precision
);

CREATE FUNCTION sphere(center vector, radius double precision) RETURNS sphere_vector
    AS 'MODULE_PATHNAME', 'vdb_sphere'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sphere_sel(internal, oid, internal, integer) RETURNS double precision
    AS 'MODULE_PATHNAME', 'vdb_sphere_sel'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;

CREATE FUNCTION sphere_joinsel(internal, oid, internal, smallint, internal) RETURNS double precision
    AS 'MODULE_PATHNAME', 'vdb_sphere_joinsel'
    LANGUAGE C STABLE STRICT PARALLEL SAFE;

CREATE FUNCTION l2_within(vector, sphere_vector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'vdb_l2_within'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT vector_distance_support;

CREATE FUNCTION negative_inner_product_within(vector, sphere_vector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'vdb_negative_inner_product_within'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT vector_distance_support;

CREATE FUNCTION cosine_within(vector, sphere_vector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'vdb_cosine_within'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT vector_distance_support;

CREATE FUNCTION l1_within(vector, sphere_vector) RETURNS boolean
    AS 'MODULE_PATHNAME', 'vdb_l1_within'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    SUPPORT vector_distance_support;

CREATE OPERATOR <<->> (
    LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = l2_within,
    RESTRICT = sphere_sel, JOIN = sphere_joinsel
);

CREATE OPERATOR <<#>> (
    LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = negative_inner_product_within,
    RESTRICT = sphere_sel, JOIN = sphere_joinsel
);

CREATE OPERATOR <<=>> (
    LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = cosine_within,
    RESTRICT = sphere_sel, JOIN = sphere_joinsel
);

CREATE OPERATOR <<+>> (
    LEFTARG = vector, RIGHTARG = sphere_vector, FUNCTION = l1_within,
    RESTRICT = sphere_sel, JOIN = sphere_joinsel
);

COMMENT ON TYPE sphere_vector IS
    'center and radius: what is nearer to the center than the radius';
COMMENT ON FUNCTION sphere(vector, double precision) IS
    'center and radius, for the operators <<->>, <<#>>, <<=>>, <<+>>';
COMMENT ON FUNCTION sphere_sel(internal, oid, internal, integer) IS
    'restriction selectivity of being in a sphere';
COMMENT ON FUNCTION sphere_joinsel(internal, oid, internal, smallint, internal) IS
    'join selectivity of being in a sphere';
COMMENT ON FUNCTION l2_within(vector, sphere_vector) IS
    'implementation of the operator <<->>';
COMMENT ON OPERATOR <<->> (vector, sphere_vector) IS
    'is the Euclidean distance to the center less than the radius?';
COMMENT ON FUNCTION negative_inner_product_within(vector, sphere_vector) IS
    'implementation of the operator <<#>>';
COMMENT ON OPERATOR <<#>> (vector, sphere_vector) IS
    'is the negative inner product to the center less than the radius?';
COMMENT ON FUNCTION cosine_within(vector, sphere_vector) IS
    'implementation of the operator <<=>>';
COMMENT ON OPERATOR <<=>> (vector, sphere_vector) IS
    'is the cosine distance to the center less than the radius?';
COMMENT ON FUNCTION l1_within(vector, sphere_vector) IS
    'implementation of the operator <<+>>';
COMMENT ON OPERATOR <<+>> (vector, sphere_vector) IS
    'is the taxicab distance to the center less than the radius?';
