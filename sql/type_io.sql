--
-- The type "vector": text format, binary format, type modifier.
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

-- text: white space is allowed around brackets and elements
SELECT '[1,2,3]'::vector, ' [ 1 , 2 ,3 ] '::vector, E'\t[1,\n2\r,\x0b3\f]\n'::vector;
SELECT '[+1,-1,.5,5.,-.25,1e3,1E+3,1e-3,0x10]'::vector;

-- output is the shortest text that gives the same float
SELECT '[0.1,0.10000000149011612,16777217,1e10,1e-7,3.4028235e38,1e-45,-0,123456.789]'::vector;
SELECT '[1.00000005960464477539062,1.000000059604644775390625,1.00000005960464477539063]'::vector;

-- underflow is silent
SELECT '[1e-46,-1e-46,1e-400]'::vector;

SELECT * FROM pg_temp.errors_of(
    $$ ''::vector $$,
    $$ '1,2,3'::vector $$,
    $$ '{1,2,3}'::vector $$,
    $$ '['::vector $$,
    $$ '[]'::vector $$,
    $$ '[ ]'::vector $$,
    $$ '[,]'::vector $$,
    $$ '[1'::vector $$,
    $$ '[1,'::vector $$,
    $$ '[1,]'::vector $$,
    $$ '[1,,2]'::vector $$,
    $$ '[1 2]'::vector $$,
    $$ '[1,2'::vector $$,
    $$ '[a]'::vector $$,
    $$ '[1a]'::vector $$,
    $$ '[--1]'::vector $$,
    $$ '[1e]'::vector $$,
    $$ '[1,2]]'::vector $$,
    $$ '[1,2] [3]'::vector $$,
    $$ '[1,2]x'::vector $$,
    $$ '[[1,2]]'::vector $$,
    $$ '[NaN]'::vector $$,
    $$ '[1,nan]'::vector $$,
    $$ '[Infinity]'::vector $$,
    $$ '[-inf]'::vector $$,
    $$ '[4e38]'::vector $$,
    $$ '[1,-4e38,2]'::vector $$,
    $$ '[-.9e39]'::vector $$,
    $$ '[1e400]'::vector $$,
    $$ '[340282356779733661637539395458142568448]'::vector $$);

-- limits
SELECT vector_dims(('[' || repeat('0,', 15999) || '1]')::vector);
SELECT * FROM pg_temp.errors_of(
    $$ ('[' || repeat('0,', 16000) || '1]')::vector $$);

-- where the server has soft errors, all of these are soft
DO $$
DECLARE
    input text;
    valid boolean;
BEGIN
    IF current_setting('server_version_num')::int < 160000 THEN
        RETURN;
    END IF;
    FOREACH input IN ARRAY ARRAY['', '1', '[]', '[1', '[1,]', '[a]', '[1]x',
        '[1 2]', '[nan]', '[inf]', '[4e38]', '[1,2]',
        '[' || repeat('0,', 16000) || '1]']
    LOOP
        EXECUTE 'SELECT pg_input_is_valid($1, ''vector(3)'')'
            INTO valid USING input;
        ASSERT NOT valid, left(input, 10);
    END LOOP;
    EXECUTE 'SELECT pg_input_is_valid(''[1,2,3]'', ''vector(3)'')' INTO valid;
    ASSERT valid;
END $$;

-- type modifier
CREATE TEMP TABLE t (any_dim vector, three vector(3));
SELECT attname, format_type(atttypid, atttypmod)
FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum;
INSERT INTO t VALUES ('[1]', '[1,2,3]'), ('[1,2]', NULL) RETURNING *;
SELECT '[1,2,3]'::vector(3), '[1]'::vector(1), '[1,2]'::vector::vector(2);
SELECT * FROM pg_temp.errors_of(
    $$ '[1,2]'::vector(3) $$,
    $$ '[1,2]'::vector::vector(3) $$,
    $$ vector('[1,2]', 3, true) $$,
    $$ NULL::vector(0) $$,
    $$ NULL::vector(-1) $$,
    $$ NULL::vector(16000) $$,
    $$ NULL::vector(16001) $$,
    $$ NULL::vector(1, 2) $$,
    $$ NULL::vector('x') $$);
SELECT pg_temp.error_of($$ INSERT INTO t (three) VALUES ('[1,2]') $$);
SELECT pg_temp.error_of($$ INSERT INTO t (three) SELECT any_dim FROM t $$);

-- binary format
SELECT vector_send('[1,-2.5,0.1]');
CREATE TEMP TABLE original AS
SELECT n, (SELECT array_agg((sin(n * i) * 10.0 ^ (i % 60 - 30))::real ORDER BY i)
           FROM generate_series(1, n) i)::vector AS v
FROM unnest(ARRAY[1, 2, 3, 29, 30, 31, 1000, 16000]) n;
CREATE TEMP TABLE copied (LIKE original);
\copy original to 'results/type_io.bin' (format binary)
\copy copied from 'results/type_io.bin' (format binary)
SELECT n, vector_dims(c.v), vector_send(o.v) = vector_send(c.v) AS same
FROM original o JOIN copied c USING (n) ORDER BY n;
-- and text
\copy original to 'results/type_io.txt'
TRUNCATE copied;
\copy copied from 'results/type_io.txt'
SELECT n, vector_send(o.v) = vector_send(c.v) AS same
FROM original o JOIN copied c USING (n) ORDER BY n;

-- binary input is checked: dimension, zero, elements, length
CREATE TEMP TABLE three (v vector(3));
\set SHOW_CONTEXT never
-- two elements
\copy (SELECT '\x000200003f80000040000000'::bytea) to 'results/type_io.bin' (format binary)
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY sqlstate
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY default
-- no elements
\copy (SELECT '\x00000000'::bytea) to 'results/type_io.bin' (format binary)
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY sqlstate
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY default
-- 65,535 dimensions
\copy (SELECT '\xffff0000'::bytea) to 'results/type_io.bin' (format binary)
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY sqlstate
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY default
-- one too many dimensions
\copy (SELECT '\x3e810000'::bytea) to 'results/type_io.bin' (format binary)
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY sqlstate
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY default
-- something where zero belongs
\copy (SELECT '\x000300013f8000003f8000003f800000'::bytea) to 'results/type_io.bin' (format binary)
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY sqlstate
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY default
-- NaN
\copy (SELECT '\x000300003f8000007fc000003f800000'::bytea) to 'results/type_io.bin' (format binary)
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY sqlstate
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY default
-- infinity
\copy (SELECT '\x000300003f8000003f800000ff800000'::bytea) to 'results/type_io.bin' (format binary)
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY sqlstate
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY default
-- the end is missing
\copy (SELECT '\x000300003f8000003f800000'::bytea) to 'results/type_io.bin' (format binary)
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY sqlstate
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY default
-- something follows the end
\copy (SELECT '\x000300003f8000003f8000003f80000000'::bytea) to 'results/type_io.bin' (format binary)
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY sqlstate
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY default
-- nothing at all
\copy (SELECT '\x'::bytea) to 'results/type_io.bin' (format binary)
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY sqlstate
\copy three from 'results/type_io.bin' (format binary)
\set VERBOSITY default
SELECT count(*) FROM three;
