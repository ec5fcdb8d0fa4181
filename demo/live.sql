-- live.sql: a table for rows to stream into, and what live.sh shows meanwhile
\pset footer off
\pset linestyle unicode
\set ECHO queries

\echo
\echo '=== 7. Live: rows stream in, a worker keeps the index in order ==========='
\echo
\echo '--- an index on an empty table.  Its segments are sealed when they have 7 MB'
\echo '--- of vectors, 4,800 rows, so that four come of the demo''s rows; it would be'
\echo '--- 122 MB.  All else is as it is when nothing is set'
\echo
CREATE TABLE live_meanings (LIKE meanings);
CREATE INDEX live_index ON live_meanings
    USING hnsw (embedding vector_cosine_ops) WITH (seal_size = '7MB');

\set ECHO none
-- In no order, and without those that came in during the tour.
CREATE TABLE live_source AS
	SELECT row_number() OVER (ORDER BY md5(id::text))::integer AS place, m.*
	FROM meanings m WHERE id NOT IN (SELECT id FROM newcomers);
CREATE UNIQUE INDEX ON live_source (place);
ANALYZE live_source;

-- Each row in a transaction of its own.
CREATE PROCEDURE live_stream(rows_a_second integer)
	LANGUAGE plpgsql
	AS $$
	DECLARE
		started CONSTANT timestamptz := clock_timestamp();
		early interval;
	BEGIN
		FOR i IN 1 .. (SELECT count(*) FROM live_source) LOOP
			INSERT INTO live_meanings
				SELECT id, pos, lexfile, words, gloss, embedding
				FROM live_source WHERE place = i;
			COMMIT;
			early := started + i * interval '1 s' / rows_a_second
				- clock_timestamp();
			IF early > interval '20 ms' THEN
				PERFORM pg_sleep_for(early);
			END IF;
		END LOOP;
	END
	$$;

-- The ten nearest meanings of each of the forty definitions.
CREATE FUNCTION live_nearest() RETURNS text[]
	LANGUAGE sql
	SET enable_seqscan = off
	AS $$
		SELECT array_agg(d.id || ' ' || n.id)
		FROM definitions d,
			 LATERAL (SELECT id FROM live_meanings m
					  ORDER BY m.embedding <=> d.embedding LIMIT 10) n
	$$;

-- How long one of these searches takes, and which share of the rows it finds.
CREATE FUNCTION live_search() RETURNS text
	LANGUAGE plpgsql
	AS $$
	DECLARE
		started CONSTANT timestamptz := clock_timestamp();
		found text[] := live_nearest();
		took CONSTANT interval := clock_timestamp() - started;
		nearest text[];
		recall numeric;
	BEGIN
		SET LOCAL vectordb.target_recall = 1;
		nearest := live_nearest();
		RESET vectordb.target_recall;
		recall := (SELECT count(*)
				   FROM (SELECT unnest(found) INTERSECT ALL
						 SELECT unnest(nearest)) x)
			/ cardinality(nearest)::numeric;
		RETURN format('%s ms, recall %s',
					  to_char(1000 * extract(epoch FROM took) / 40, '0.00'),
					  coalesce(round(recall, 3)::text, '    -'));
	END
	$$;

-- A bar for that many rows.
CREATE FUNCTION live_bar(kind text, nrows numeric, ndead numeric, unit integer)
	RETURNS text
	LANGUAGE sql
	AS $$
		SELECT repeat(CASE kind WHEN 'growing' THEN '▒'
					  WHEN 'sealed/graph' THEN '█' ELSE '▓' END,
					  ceil((nrows - ndead) / unit)::integer) ||
			   repeat('░', floor(ndead / unit)::integer)
	$$;

-- What a worker does in the index, or has to do.
CREATE FUNCTION live_job() RETURNS text
	LANGUAGE sql
	AS $$
		SELECT coalesce(
			(SELECT kind || ' ' || coalesce(round(100 * progress) || ' %', state)
			 FROM vectordb.index_jobs('live_index')
			 WHERE state <> 'done' AND NOT (kind = 'seal' AND state = 'pending')
			 ORDER BY state = 'running' DESC LIMIT 1),
			'nothing to do')
	$$;

/*
 * live_frame -- what there is to be seen now
 *
 * The first row differs from the last one when something has happened, the
 * second has all in one line, the others are a picture.
 */
CREATE FUNCTION live_frame() RETURNS SETOF text
	LANGUAGE plpgsql
	AS $$
	DECLARE
		search CONSTANT text := live_search();
		job CONSTANT text := live_job();
		what text;
		total text;
		bars text;
		picture text[];
	BEGIN
		SELECT string_agg(concat(file_id, file_type, dead_rows), ' '
						  ORDER BY file_id),
			   to_char((SELECT count(*) FROM live_meanings), '99,990'),
			   string_agg(live_bar(file_type, row_count, dead_rows, 1000), '│'
						  ORDER BY file_type = 'growing', file_type, file_id),
			   array_agg(format('%4s  %-12s %s  %s', file_id, file_type,
								to_char(row_count - dead_rows, '99,990'),
								live_bar(file_type, row_count, dead_rows, 500))
						 ORDER BY file_type = 'growing', file_type, file_id)
			INTO what, total, bars, picture
			FROM vectordb.index_segments('live_index')
			WHERE state IN ('growing', 'sealed');

		RETURN NEXT concat(what, split_part(job, ' ', 1));
		RETURN NEXT concat(total, ' ', rpad(coalesce(bars, ''), 26),
						   search, ', ' || nullif(job, 'nothing to do'));
		RETURN NEXT ' no.  segment     rows';
		RETURN QUERY SELECT unnest(picture);
		RETURN NEXT '';
		RETURN NEXT concat(' all:', rpad('', 14), total, '   ', search,
						   '   worker: ', job);
	END
	$$;

\echo
\echo '--- a row at a time is inserted, 700 a second, and meanwhile the ten nearest'
\echo '--- rows of forty definitions are searched for again and again, with the time'
\echo '--- of one search, and the share of the nearest rows that it finds'
\echo
\echo '    ▒ growing: takes the rows, is read in order; each row is found at once'
\echo '    ▓ sealed: full, is read in order'
\echo '    █ with a graph, which is walked'
\echo
