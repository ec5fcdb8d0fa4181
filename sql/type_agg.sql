--
-- The type "vector": aggregates.
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


SELECT avg(v), sum(v) FROM unnest(ARRAY['[1,2,3]', '[3,5,7]']::vector[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY['[1,2,3]', NULL, '[3,5,7]', NULL]::vector[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY['[0.1,-0]']::vector[]) v;
SELECT avg(v) IS NULL, sum(v) IS NULL FROM unnest(ARRAY[]::vector[]) v;
SELECT avg(v) IS NULL, sum(v) IS NULL FROM unnest(ARRAY[NULL, NULL]::vector[]) v;
SELECT g, avg(v), sum(v)
FROM (SELECT i % 3 AS g, ARRAY[i, -i]::vector AS v FROM generate_series(1, 30) i) s
GROUP BY g ORDER BY g;
SELECT i, avg(ARRAY[i]::vector) OVER w, sum(ARRAY[i]::vector) OVER w
FROM generate_series(1, 5) i
WINDOW w AS (ORDER BY i ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING);
SELECT i, avg(ARRAY[i, 1]::vector) OVER (ORDER BY i) FROM generate_series(1, 4) i;

-- the average does not overflow where the sum of floats does
SELECT avg(v) FROM unnest(ARRAY['[3e38]', '[3e38]']::vector[]) v;
SELECT * FROM pg_temp.errors_of(
    $$ sum(v) FROM unnest(ARRAY['[3e38]', '[3e38]']::vector[]) v $$,
    $$ avg(v) FROM unnest(ARRAY['[1,2]', '[3]']::vector[]) v $$,
    $$ sum(v) FROM unnest(ARRAY['[1,2]', '[3]']::vector[]) v $$);

-- the functions by themselves: they change no argument
SELECT vector_accum('{0}', '[1,2]'), vector_accum('{1,1,2}', '[3,4]'),
       vector_accum(vector_accum('{0}', '[1]'), '[2]');
SELECT s, vector_accum(s, '[3,4]'), vector_combine(s, s), s
FROM (SELECT ARRAY[1,1,2]::float8[] AS s OFFSET 0) t;
SELECT vector_combine('{0}', '{0}'), vector_combine('{2,3,4}', '{0}'),
       vector_combine('{0}', '{2,3,4}'), vector_combine('{1,2,3}', '{2,3,4}');
SELECT vector_avg('{2,3,4}'), vector_avg('{0}') IS NULL;
SELECT * FROM pg_temp.errors_of(
    $$ vector_accum('{}', '[1]') $$,
    $$ vector_accum('{NULL}', '[1]') $$,
    $$ vector_accum('{{1,2}}', '[1]') $$,
    $$ vector_accum('{1,1,2}', '[1]') $$,
    $$ vector_accum('{1,Infinity}', '[1]') $$,
    $$ vector_combine('{}', '{0}') $$,
    $$ vector_combine('{0}', '{{1}}') $$,
    $$ vector_combine('{1,2}', '{1,2,3}') $$,
    $$ vector_combine('{1,1e308}', '{1,1e308}') $$,
    $$ vector_combine('{0}', array_fill(1::float8, ARRAY[16002])) $$,
    $$ vector_avg('{}') $$,
    $$ vector_avg('{1}') $$,
    $$ vector_avg('{1,NaN}') $$,
    $$ vector_avg('{1,Infinity}') $$,
    $$ vector_avg('{1,1e39}') $$,
    $$ vector_avg(array_fill(1::float8, ARRAY[16002])) $$);

-- in parallel
CREATE TABLE type_agg_parallel AS
SELECT i, ARRAY[i % 100, i % 7, 1]::vector(3) AS v FROM generate_series(1, 20000) i;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT avg(v), sum(v) FROM type_agg_parallel;
SELECT avg(v), sum(v) FROM type_agg_parallel;
SELECT avg(v) FROM type_agg_parallel WHERE i < 0;
SELECT count(*) FROM type_agg_parallel WHERE v <-> '[0,1,1]' < 2;
DROP TABLE type_agg_parallel;
RESET ALL;

-- of the largest vectors
SELECT vector_dims(avg(v)), avg(v) = sum(v)
FROM (SELECT array_fill(2, ARRAY[16000])::vector AS v) s;
