--
-- The type "vector": casts.
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


-- arrays to vector
SELECT ARRAY[1,-2,3]::vector, ARRAY[16777217,2147483647]::vector;
SELECT ARRAY[1.5,0.1]::real[]::vector;
SELECT ARRAY[0.1,1e-50,-3.4028235e38]::double precision[]::vector;
SELECT ARRAY[0.1,123456789.123456789,-1]::numeric[]::vector;
SELECT '{1,2,3}'::int[]::vector(3), '{1,2,3}'::real[]::vector(3);
-- lower bounds are of no consequence
SELECT '[5:7]={1,2,3}'::int[]::vector;
-- an array that had a null once
SELECT array_remove(ARRAY[1,NULL,3], NULL)::vector;
SELECT array_remove(ARRAY[1,NULL,3]::numeric[], NULL)::vector;
SELECT array_replace(ARRAY[1,NULL,3]::float8[], NULL, 2)::vector;
SELECT vector_dims(array_fill(0.5::float8, ARRAY[16000])::vector);

SELECT * FROM pg_temp.errors_of(
    $$ '{}'::int[]::vector $$,
    $$ '{}'::numeric[]::vector $$,
    $$ '{1,NULL}'::int[]::vector $$,
    $$ '{NULL}'::real[]::vector $$,
    $$ '{1,NULL}'::float8[]::vector $$,
    $$ '{1,NULL}'::numeric[]::vector $$,
    $$ '{{1,2},{3,4}}'::int[]::vector $$,
    $$ '{{1}}'::real[]::vector $$,
    $$ '{1,2}'::int[]::vector(3) $$,
    $$ '{1,2}'::numeric[]::vector(3) $$,
    $$ '{NaN}'::real[]::vector $$,
    $$ '{NaN}'::float8[]::vector $$,
    $$ '{1,NaN}'::numeric[]::vector $$,
    $$ '{Infinity}'::real[]::vector $$,
    $$ '{-Infinity}'::float8[]::vector $$,
    $$ '{Infinity}'::numeric[]::vector $$,
    $$ '{4e38}'::float8[]::vector $$,
    $$ '{4e38}'::numeric[]::vector $$,
    $$ array_fill(0, ARRAY[16001])::vector $$,
    $$ '{1,2}'::text[]::vector $$);

-- vector to real[]
SELECT '[1,2.5,-0]'::vector::real[];
SELECT array_dims('[1,2,3]'::vector::real[]), pg_typeof('[1,2,3]'::vector::real[]);
SELECT v::real[]::vector = v AS same
FROM (SELECT array_agg(sin(i))::vector AS v FROM generate_series(1, 16000) i) s;

-- which casts are implicit, which need an assignment
SELECT castsource::regtype, casttarget::regtype, castfunc::regprocedure,
       castcontext, castmethod
FROM pg_cast
WHERE 'vector'::regtype IN (castsource, casttarget)
ORDER BY castsource::regtype::text, casttarget::regtype::text;
CREATE FUNCTION pg_temp.first(real[]) RETURNS real LANGUAGE sql AS 'SELECT $1[1]';
SELECT pg_temp.first('[7,8]'::vector);
CREATE TEMP TABLE t (v vector(2), a real[]);
INSERT INTO t VALUES (ARRAY[1,2], '[1,2]'::vector);
INSERT INTO t VALUES (ARRAY[1.5,2.5], '[3]'::vector);
INSERT INTO t VALUES (ARRAY[1.5,2.5]::real[], NULL);
SELECT * FROM t;
SELECT pg_temp.error_of('INSERT INTO t VALUES (ARRAY[1,2,3])');
SELECT pg_temp.error_of($$ SELECT ARRAY[1,2] <-> '[1,2]'::vector $$);

-- NULL gives NULL
SELECT NULL::real[]::vector IS NULL, NULL::vector::real[] IS NULL,
       NULL::vector(3) IS NULL;
