--
-- The type "vector": arithmetic, parts, norms.
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


SELECT '[1,2,3]'::vector + '[4,5,6]', '[1,2,3]'::vector - '[4,5,7]',
       '[1,2,-3]'::vector * '[4,5,6]', '[1,2]'::vector || '[3]';
SELECT vector_add('[1,2]', '[3,4]'), vector_sub('[1,2]', '[3,4]'),
       vector_mul('[1,2]', '[3,4]'), vector_concat('[1,2]', '[3,4]');
SELECT '[0,1e-30]'::vector * '[1e-30,0]', '[-0]'::vector + '[-0]';
SELECT NULL::vector + '[1]' IS NULL, '[1]'::vector - NULL IS NULL,
       NULL::vector * NULL IS NULL, NULL || '[1]'::vector IS NULL;
SELECT vector_dims(v || v)
FROM (SELECT array_fill(1, ARRAY[8000])::vector AS v) s;
SELECT * FROM pg_temp.errors_of(
    $$ '[1,2]'::vector + '[1]' $$,
    $$ '[1,2]'::vector - '[1]' $$,
    $$ '[1,2]'::vector * '[1,2,3]' $$,
    $$ '[3e38]'::vector + '[3e38]' $$,
    $$ '[1,-3e38]'::vector - '[1,3e38]' $$,
    $$ '[1e20,1]'::vector * '[1e20,1]' $$,
    $$ '[1e-30]'::vector * '[1e-30]' $$,
    $$ array_fill(1, ARRAY[8000])::vector || array_fill(1, ARRAY[8001])::vector $$,
    $$ array_fill(1, ARRAY[16000])::vector || array_fill(1, ARRAY[16000])::vector $$);

-- dimensions, also of values stored in each way
SELECT vector_dims('[1,2,3]'), vector_dims(NULL::vector) IS NULL;
CREATE TEMP TABLE stored (kind text, v vector);
ALTER TABLE stored ALTER v SET STORAGE external;
INSERT INTO stored VALUES ('short', '[1,2]'), ('long', array_fill(1, ARRAY[50]));
INSERT INTO stored VALUES ('external', array_fill(1, ARRAY[5000]));
ALTER TABLE stored ALTER v SET STORAGE main;
INSERT INTO stored VALUES ('compressed', array_fill(1, ARRAY[2000]));
INSERT INTO stored VALUES ('compressed, external',
    (SELECT array_agg(i % 300)::vector FROM generate_series(1, 16000) i));
SELECT kind, vector_dims(v) FROM stored ORDER BY 2;

-- parts, counted from 1; what lies outside is left out
SELECT subvector('[1,2,3,4,5]', 1, 3), subvector('[1,2,3,4,5]', 3, 2),
       subvector('[1,2,3,4,5]', 5, 1), subvector('[1,2,3,4,5]', 1, 5);
SELECT subvector('[1,2,3,4,5]', -1, 3), subvector('[1,2,3,4,5]', 0, 2),
       subvector('[1,2,3,4,5]', 3, 9), subvector('[1,2,3,4,5]', -9, 99);
SELECT subvector('[1,2,3,4,5]', 4, 2147483647),
       subvector('[1,2,3,4,5]', -2147483645, 2147483647);
SELECT * FROM pg_temp.errors_of(
    $$ subvector('[1,2,3]', 1, 0) $$,
    $$ subvector('[1,2,3]', 1, -1) $$,
    $$ subvector('[1,2,3]', 4, 1) $$,
    $$ subvector('[1,2,3]', 0, 1) $$,
    $$ subvector('[1,2,3]', -1, 2) $$,
    $$ subvector('[1,2,3]', 2147483647, 2147483647) $$,
    $$ subvector('[1,2,3]', -2147483648, 1) $$,
    $$ subvector('[1,2,3]', -2147483648, -2147483648) $$);

-- signs as bits
SELECT binary_quantize('[1,0,-1]'), binary_quantize('[-0,1e-45,-1e-45,3e38]'),
       binary_quantize('[1,-1,1,1,-1,-1,1,1]'),
       binary_quantize('[1,-1,1,1,-1,-1,1,1,1]'), binary_quantize('[-1]');
SELECT pg_typeof(binary_quantize('[1]')), length(binary_quantize(v)),
       bit_count(binary_quantize(v))
FROM (SELECT array_agg(i % 3 - 1)::vector AS v FROM generate_series(1, 16000) i) s;

-- norms
SELECT vector_norm('[3,4]'), vector_norm('[0,0]'), vector_norm('[-1]'),
       vector_norm('[3e37,4e37]')::real, vector_norm('[3e-40,4e-40]')::real;
SELECT l2_norm('[3,4]'::vector), l2_norm('[2,2,2,2,2,2,2,2,2]'::vector);
SELECT vector_norm(array_fill(3e38::real, ARRAY[16000])::vector) > 1e40 AS large,
       vector_norm(array_fill(1, ARRAY[16000])::vector) = sqrt(16000::float8) AS exact;
SELECT dim, vector_norm(v) = sqrt(dim * (dim + 1) * (2 * dim + 1) / 6.0::float8) AS exact
FROM generate_series(1, 9) dim,
     LATERAL (SELECT array_agg(i)::vector AS v FROM generate_series(1, dim) i) s
ORDER BY dim;
SELECT l2_normalize('[3,4]'), l2_normalize('[3,0]'), l2_normalize('[0,0]'),
       l2_normalize('[-5]'), l2_normalize('[0,0.1]');
SELECT l2_normalize('[3e38,3e38]'), l2_normalize('[1e-45,0]'),
       l2_normalize('[3e38,1e-45]');
SELECT l2_normalize(NULL::vector) IS NULL, vector_norm(NULL) IS NULL,
       subvector(NULL, 1, 1) IS NULL, binary_quantize(NULL::vector) IS NULL;
