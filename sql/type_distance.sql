--
-- The type "vector": distances, under every instruction set.
--

-- The error of a statement, with its SQLSTATE.
CREATE FUNCTION pg_temp.error_of(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT,
                            detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', SQLSTATE, message, nullif('(' || detail || ')', '()'));
END $$;

-- The errors of several, in order.
CREATE FUNCTION pg_temp.errors_of(VARIADIC expressions text[])
RETURNS TABLE (expression text, error text)
LANGUAGE sql AS $$
    SELECT btrim(e), pg_temp.error_of('SELECT ' || e)
    FROM unnest(expressions) WITH ORDINALITY AS u(e, n) ORDER BY n
$$;


SELECT l2_distance('[0,0]'::vector, '[3,4]'), '[0,0]'::vector <-> '[0,1]',
       vector_l2_squared_distance('[0,0]', '[3,4]');
SELECT inner_product('[1,2]'::vector, '[3,4]'), '[1,2]'::vector <#> '[3,4]',
       vector_negative_inner_product('[1,2]', '[3,4]');
SELECT l1_distance('[0,0]'::vector, '[3,-4]'), '[1,2]'::vector <+> '[-1,2]';
SELECT cosine_distance('[1,2]'::vector, '[2,4]'), '[1,2]'::vector <=> '[0,0]',
       '[1,1]'::vector <=> '[1,1]', '[1,0]'::vector <=> '[0,2]',
       '[1,1]'::vector <=> '[-1,-1]';
SELECT vector_spherical_distance('[1,0]', '[1,0]'),
       vector_spherical_distance('[1,0]', '[0,1]'),
       vector_spherical_distance('[1,0]', '[-1,0]'),
       vector_spherical_distance('[3,0]', '[2,0]'),
       vector_spherical_distance('[3,0]', '[-2,0]');

-- rounding does not lead out of the range of the cosine
SELECT count(*) FILTER (WHERE d < 0 OR d > 2) AS outside,
       count(*) FILTER (WHERE d < 1e-6) AS near_zero
FROM (SELECT v <=> v AS d
      FROM generate_series(1, 500) n,
           LATERAL (SELECT array_agg(sin(n * i))::vector AS v
                    FROM generate_series(1, n % 40 + 1) i) s) t;
SELECT count(*) AS opposite
FROM generate_series(1, 500) n,
     LATERAL (SELECT array_agg(sin(n * i))::vector AS v,
                     array_agg(-3 * sin(n * i))::vector AS w
              FROM generate_series(1, n % 40 + 1) i) s
WHERE v <=> w > 2 OR v <=> w < 1.999999;

-- a sum that overflows is infinite, a zero vector has no direction
SELECT '[3e38]'::vector <-> '[-3e38]', '[1e20,0]'::vector <-> '[0,0]',
       '[3e38]'::vector <#> '[3e38]', inner_product('[3e38]'::vector, '[-3e38]'),
       '[3e38,3e38]'::vector <+> '[0,0]', '[3e38]'::vector <=> '[1e-10]';
SELECT '[0,0]'::vector <=> '[0,0]', '[1e-30]'::vector <=> '[1]';
SELECT v, v <=> '[1,0]' AS d
FROM unnest(ARRAY['[0,0]', '[0,1]', '[1,0]']::vector[]) v ORDER BY d;

SELECT NULL::vector <-> '[1]' IS NULL, '[1]'::vector <#> NULL IS NULL,
       NULL::vector <=> '[1]' IS NULL, NULL::vector <+> NULL IS NULL;
SELECT * FROM pg_temp.errors_of(
    $$ '[1,2]'::vector <-> '[3]' $$,
    $$ '[1,2]'::vector <#> '[3]' $$,
    $$ '[1,2]'::vector <=> '[3]' $$,
    $$ '[1]'::vector <+> '[1,2]' $$,
    $$ inner_product('[1]'::vector, '[1,2]') $$,
    $$ vector_l2_squared_distance('[1]', '[1,2]') $$,
    $$ vector_spherical_distance('[1]', '[1,2]') $$);

--
-- The setting vectordb.kernels changes the speed and nothing else.
--
SHOW vectordb.kernels;
SELECT name, context, setting, boot_val FROM pg_settings WHERE name = 'vectordb.kernels';
\set VERBOSITY sqlstate
SET vectordb.kernels = 'none';
SET vectordb.kernels = '';
SET vectordb.no_such_setting = 1;
\set VERBOSITY default
SET vectordb.kernels = 'scalar';
SHOW vectordb.kernels;
RESET vectordb.kernels;

-- What this machine offers, taken from the message that lists it.
CREATE FUNCTION pg_temp.kernels() RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    PERFORM set_config('vectordb.kernels', 'none', false);
    RAISE 'not refused';
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN ARRAY(SELECT m[1] FROM regexp_matches(detail, '"(\w+)"', 'g') m);
END $$;
SELECT pg_temp.kernels() @> '{auto,scalar}' AS auto_and_scalar;

-- Pairs of every dimension around the widths of vector registers, and large.
CREATE TEMP TABLE pairs AS
SELECT dim, scale,
       (SELECT array_agg((sin(dim * i) * scale)::real ORDER BY i)
        FROM generate_series(1, dim) i)::vector AS a,
       (SELECT array_agg((cos(dim + i * i) * scale)::real ORDER BY i)
        FROM generate_series(1, dim) i)::vector AS b
FROM (SELECT generate_series(1, 140)
      UNION VALUES (255), (256), (257), (1000), (1536), (15999), (16000)) d(dim),
     unnest(ARRAY[1, 1e-22, 1e18]) scale;
SELECT count(*) FROM pairs;

-- The bits of all distances of all pairs.
CREATE FUNCTION pg_temp.distances() RETURNS TABLE (dim int, scale numeric, bits bytea)
LANGUAGE sql AS $$
    SELECT dim, scale,
           float8send(l2_distance(a, b)) || float8send(a <#> b) ||
           float8send(a <=> b) || float8send(a <+> b) ||
           float8send(vector_l2_squared_distance(a, b)) ||
           float8send(vector_spherical_distance(a, b)) ||
           float8send(vector_norm(a)) || vector_send(l2_normalize(b))
    FROM pairs
$$;
SET vectordb.kernels = 'scalar';
CREATE TEMP TABLE expected AS SELECT * FROM pg_temp.distances();
DO $$
DECLARE
    kernels text;
    differences bigint;
BEGIN
    FOREACH kernels IN ARRAY pg_temp.kernels() LOOP
        PERFORM set_config('vectordb.kernels', kernels, false);
        ASSERT current_setting('vectordb.kernels') = kernels;
        SELECT count(*) INTO differences
        FROM expected e JOIN pg_temp.distances() d USING (dim, scale)
        WHERE d.bits IS DISTINCT FROM e.bits;
        ASSERT differences = 0, kernels || ': ' || differences;
    END LOOP;
END $$;
RESET vectordb.kernels;

-- And they are right: against sums of double precision.
SELECT count(*) AS checked,
       count(*) FILTER (WHERE NOT abs((a <-> b) - l2) <= 1e-5 * l2) AS l2,
       count(*) FILTER (WHERE NOT abs((a <#> b) + ip) <= 1e-5 * na * nb) AS ip,
       count(*) FILTER (WHERE NOT abs((a <+> b) - l1) <= 1e-5 * l1) AS l1,
       count(*) FILTER (WHERE NOT abs((a <=> b) - (1 - ip / (na * nb))) <= 1e-5) AS cosine,
       count(*) FILTER (WHERE NOT abs(vector_norm(a) - na) <= 1e-14 * na) AS norm
FROM pairs, LATERAL (
    SELECT sqrt(sum((x - y) ^ 2)), sum(x * y), sum(abs(x - y)),
           sqrt(sum(x * x)), sqrt(sum(y * y))
    FROM (SELECT unnest(a::real[])::float8 AS x, unnest(b::real[])::float8 AS y) e
) s (l2, ip, l1, na, nb)
WHERE scale = 1;
