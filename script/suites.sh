# suites.sh -- the test suites of script/test
#
# Sourced inside (see lib.sh), in the copy of the checkout.  Every suite calls
# suite_count with the number of its tests that passed and that failed; the
# sums are printed by suite_summary.  A suite that cannot run counts as one
# failed test, so nothing is lost silently.

SUITE_PASSED=0
SUITE_FAILED=0
SUITE_TROUBLE=()

suite_count()
{
	local name=$1 passed=$2 failed=$3

	SUITE_PASSED=$((SUITE_PASSED + passed))
	SUITE_FAILED=$((SUITE_FAILED + failed))
	if [ "$failed" -eq 0 ]; then
		lib_progress "$name: $passed passed"
	else
		lib_progress "$name: $passed passed, $failed FAILED"
		SUITE_TROUBLE+=("$name: $failed")
	fi
}

# Runs a command as one test; its output is shown if it fails.
suite_check()
{
	local name=$1 log=$WORK/log-check
	shift

	if "$@" > "$log" 2>&1; then
		suite_count "$name" 1 0
	else
		tail -n 60 "$log"
		suite_count "$name" 0 1
	fi
}

suite_summary()
{
	local line

	echo
	[ "$LIB_KEEP" != yes ] || echo "Logs and results are in $WORK."
	for line in ${SUITE_TROUBLE[@]+"${SUITE_TROUBLE[@]}"}; do
		echo "failed in $line"
	done
	echo "$SUITE_PASSED passed, $SUITE_FAILED failed"
	[ "$SUITE_FAILED" -eq 0 ]
}

# Everything needs this build; without it there is nothing to test.
suite_build()
{
	lib_progress "building with gcc, warnings are errors"
	if lib_build COPT=-Werror; then
		suite_count "build with $(gcc -dumpfullversion), no warning" 1 0
	else
		suite_count "build" 0 1
		suite_summary || exit 1
	fi
}

# ---- lint ----

suite_lint()
{
	lib_progress "checking layers and format"
	suite_check "layers" tools/check-layers vectordb.so
	suite_check "format" tools/check-format
	if [ -n "$(suite_clang_name)" ]; then
		lib_progress "compiling with clang, warnings are errors"
		suite_check "build with clang, no warning" suite_clang
	fi
}

# The clang that the server's bitcode was made with, or any.
suite_clang_name()
{
	local name

	for name in $(sed -n 's/^CLANG *= *//p' \
		"$(dirname "$("$PG_CONFIG" --pgxs)")/../Makefile.global") clang; do
		if command -v "$name"; then return 0; fi
	done
}

# In a folder of its own, so that the build with gcc stays.
suite_clang()
{
	mkdir -p "$WORK/clang" &&
		cp -a Makefile vectordb.control src "$WORK/clang" &&
		find "$WORK/clang" \( -name '*.o' -o -name '*.d' \) -delete &&
		make -s -C "$WORK/clang" -j "$(lib_jobs)" PG_CONFIG="$PG_CONFIG" \
			CC="$(suite_clang_name)" COPT=-Werror with_llvm=no all
}

# ---- unit ----

# test/unit/run prints "N passed, N failed" as its last line.
suite_unit()
{
	local log=$WORK/log-unit passed failed status=0

	lib_progress "unit tests"
	test/unit/run > "$log" 2>&1 || status=$?
	passed=$(sed -n '$s/^\([0-9]\+\) passed, [0-9]\+ failed$/\1/p' "$log")
	failed=$(sed -n '$s/^[0-9]\+ passed, \([0-9]\+\) failed$/\1/p' "$log")
	if [ -z "$passed" ] || { [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; }; then
		passed=${passed:-0}
		failed=1
	fi
	[ "$failed" -eq 0 ] || tail -n 40 "$log"
	suite_count "unit" "$passed" "$failed"
}

# ---- pg_regress and pg_isolation_regress ----

# The names of files FOLDER/*.EXTENSION without either.
suite_names()
{
	find "$1" -maxdepth 1 -name "*.$2" -printf '%f\n' 2>/dev/null |
		sed "s/\.$2\$//" | LC_ALL=C sort
}

#
# suite_pg_regress -- run one of PostgreSQL's test drivers and count
#
#	suite_pg_regress NAME PORT DRIVER INPUT TEST ...
#
# Up to version 15 a driver prints "test foo ... ok", afterwards "ok 1 - foo".
# Results lie in INPUT/results while the tests run, as they do under "make
# installcheck", and are moved to $WORK/results-NAME then.
#
suite_pg_regress()
{
	local name=$1 port=$2 driver=$3 input=$4 output log file
	local passed failed
	shift 4
	output=$WORK/results-${name// /-}
	log=$WORK/log-${name// /-}

	if [ $# -eq 0 ]; then
		lib_progress "$name: there are no tests"
		suite_count "$name" 0 1
		return
	fi
	mkdir -p "$output"
	"$(dirname "$("$PG_CONFIG" --pgxs)")/../../src/test/$driver" \
		--inputdir="$input" --outputdir="$input" --bindir="$PG_BIN" \
		--host="$WORK/sock" --port="$port" --user=postgres \
		--load-extension=vectordb --dbname=contrib_regression "$@" \
		> "$log" 2>&1 || true
	for file in results regression.diffs regression.out; do
		[ ! -e "$input/$file" ] || mv "$input/$file" "$output"
	done
	passed=$(grep -c -E '^(ok |(test | +).*\.\.\. ok)' "$log" || true)
	failed=$(grep -c -E '^(not ok|(test | +).*\.\.\. FAILED)' "$log" || true)
	# A driver that gave up early has not run them all.
	if [ $((passed + failed)) -ne $# ]; then
		failed=$(($# - passed))
	fi
	if [ "$failed" -gt 0 ]; then
		cat "$log"
		head -n 300 "$output/regression.diffs" 2>/dev/null || true
	fi
	suite_count "$name" "$passed" "$failed"
}

suite_sql()
{
	# shellcheck disable=SC2046
	suite_pg_regress "$1" "$2" regress/pg_regress . $(suite_names sql sql)
}

suite_regress()
{
	suite_regress_on "" 5501
}

suite_regress_on()
{
	local suffix=$1 port=$2

	lib_progress "SQL$suffix"
	if lib_start_server "regress${suffix// /-}" "$port" autovacuum=off vectordb.max_workers=0; then
		suite_sql "regress$suffix" "$port"
		suite_stop "regress${suffix// /-}"
	else
		suite_count "regress$suffix" 0 1
	fi
}

suite_isolation()
{
	suite_isolation_on "" 5502
}

suite_isolation_on()
{
	local suffix=$1 port=$2

	lib_progress "isolation$suffix"
	if lib_start_server "isolation${suffix// /-}" "$port" autovacuum=off vectordb.max_workers=0; then
		# shellcheck disable=SC2046
		suite_pg_regress "isolation$suffix" "$port" \
			isolation/pg_isolation_regress test/isolation \
			$(suite_names test/isolation/specs spec)
		suite_stop "isolation${suffix// /-}"
	else
		suite_count "isolation$suffix" 0 1
	fi
}

#
# suite_stop -- stop a server and look for what no test may leave behind
#
suite_stop()
{
	local name=$1

	lib_ctl "$name" stop -m fast || suite_count "$name: stopping" 0 1
	if grep -E 'PANIC:|TRAP:|terminated by signal|inconsistent page|wrong order' \
		"$WORK/log-$name"; then
		suite_count "server log of $name" 0 1
	fi
}

# ---- WAL ----

#
# suite_wal -- the SQL tests with every WAL record checked in replay
#
# A primary logs full page images with each record, and compares nothing; a
# standby replays each record and compares the result with the image.  Then the
# primary is killed, so that it replays the end of its own log as well.
#
suite_wal()
{
	lib_progress "SQL with wal_consistency_checking and a standby"
	if lib_start_server wal 5503 autovacuum=off vectordb.max_workers=0 wal_consistency_checking=all \
		wal_level=replica max_wal_senders=4 wal_keep_size=4GB \
		checkpoint_timeout=1h max_wal_size=8GB &&
		suite_start_standby
	then
		suite_sql "wal" 5503
		suite_check "wal: the standby has replayed everything" suite_catch_up
		suite_check "wal: no page differs on the standby" \
			suite_wal_log standby
		suite_check "wal: the primary recovers from a crash" suite_crash
		suite_check "wal: no page differs after the crash" suite_wal_log wal
		suite_stop standby
		suite_stop wal
	else
		suite_count "wal" 0 1
	fi
}

suite_start_standby()
{
	"$PG_BIN/pg_basebackup" -D "$WORK/data-standby" -R -X stream \
		-c fast --no-sync -h "$WORK/sock" -p 5503 -U postgres &&
		echo "port = 5504" >> "$WORK/data-standby/postgresql.conf" &&
		lib_ctl standby start
}

suite_catch_up()
{
	local end i

	end=$(lib_psql 5503 -d postgres -At -c "SELECT pg_current_wal_flush_lsn()")
	for i in $(seq 1200); do
		[ "$(lib_psql 5504 -d postgres -At -c \
			"SELECT pg_last_wal_replay_lsn() >= '$end'")" != t ] || return 0
		sleep 0.1
	done
	echo "the standby did not reach $end"
	tail -n 20 "$WORK/log-standby"
	return 1
}

# From a checkpoint on, and with tables of its own: the server's check takes
# offence at a heap page that replay finds empty since its table was cut or
# dropped later, before the crash.
suite_crash()
{
	lib_psql 5503 -d contrib_regression -q -v ON_ERROR_STOP=1 -f - \
		> /dev/null << 'EOF' &&
CHECKPOINT;
CREATE TABLE crash (id int, v vector(16));
CREATE INDEX crash_flat ON crash USING flat (v vector_l2_ops);
CREATE FUNCTION crash_fill(first int, last int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO crash
	SELECT i, (SELECT array_agg((hashint8extended(i, j) >> 40)::real ORDER BY j)
			   FROM generate_series(1, 16) j)::vector
	FROM generate_series(first, last) i $$;
SELECT crash_fill(1, 6000);
CREATE INDEX crash_hnsw ON crash USING hnsw (v vector_l2_ops);
SELECT crash_fill(6001, 10000);
SELECT vectordb.flush('crash_flat'), vectordb.flush('crash_hnsw');
DELETE FROM crash WHERE id % 4 = 0;
VACUUM crash;
SELECT vectordb.build('crash_flat'), vectordb.build('crash_hnsw');
SELECT crash_fill(10001, 10500);
EOF
		lib_ctl wal stop -m immediate && lib_ctl wal start &&
		[ "$(lib_psql 5503 -d contrib_regression -At -c \
			"SELECT count(*) FROM crash, LATERAL (SELECT 1 FROM
				vectordb.check('crash_flat') UNION ALL SELECT 1 FROM
				vectordb.check('crash_hnsw')) c")" = 0 ]
}

# True if a server's log has no word of a page that differs.
suite_wal_log()
{
	! grep -E -A 3 'inconsistent page|PANIC:' "$WORK/log-$1"
}

# ---- TAP ----

suite_tap()
{
	suite_tap_on ""
}

suite_tap_on()
{
	local suffix=$1 log passed failed status=0 pgxs tests=(test/t/*.pl)
	log=$WORK/log-tap${suffix// /-}
	pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/../..

	lib_progress "TAP$suffix"
	mkdir -p "$WORK/results-tap${suffix// /-}"
	TESTDIR=$WORK/results-tap${suffix// /-} \
		TESTDATADIR=$WORK/results-tap${suffix// /-}/tmp_check \
		TESTLOGDIR=$WORK/results-tap${suffix// /-}/tmp_check/log \
		PG_REGRESS=$pgxs/src/test/regress/pg_regress PGPORT=65432 \
		TMPDIR=$WORK \
		prove --verbose -I "$pgxs/src/test/perl" -I test/t "${tests[@]}" \
		> "$log" 2>&1 || status=$?
	passed=$(grep -c '^ok ' "$log" || true)
	failed=$(grep -c '^not ok ' "$log" || true)
	# A script that died has no failing test, but prove says so.
	[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
	[ "$failed" -eq 0 ] || grep -v '^ok ' "$log" | tail -n 100
	suite_count "tap$suffix" "$passed" "$failed"
}

# ---- a server with assertions ----

suite_assert()
{
	if [ ! -x "$WORK/assert/bin/postgres" ]; then
		lib_progress "assert: script/build-assert-server has made no server"
		return 0
	fi
	lib_progress "building for the server with assertions"
	lib_use_tree "$WORK/assert"
	make -s PG_CONFIG="$PG_CONFIG" clean > /dev/null
	if lib_build COPT="-Werror -O1"; then
		suite_regress_on " with assertions" 5505
		suite_isolation_on " with assertions" 5506
		suite_tap_on " with assertions"
	else
		suite_count "build with assertions" 0 1
	fi
	make -s PG_CONFIG="$PG_CONFIG" clean > /dev/null
	lib_use_tree "$WORK/pg"
}
