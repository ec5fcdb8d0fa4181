# live.sh -- the part of the demo that moves
#
# Sourced by script/demo.  Rows stream into the table that live.sql has made,
# and what its index consists of is shown meanwhile: on a terminal as a picture
# that is drawn again some times a second, elsewhere as a line each second.

LIVE_ROWS_A_SECOND=700

# A worker that has not finished so many seconds after the last row never will.
LIVE_PATIENCE=60

live_run()
{
	local streaming

	live_psql -f demo/live.sql
	live_psql -c "CALL live_stream($LIVE_ROWS_A_SECOND)" &
	streaming=$!
	live_watch "$streaming"
	live_psql -f demo/live-delete.sql
	live_watch
	live_psql -f demo/live-end.sql
}

live_psql()
{
	lib_psql 5432 -d demo "$@"
}

#
# live_watch -- show the index until it is in order
#
#	live_watch [PID]
#
# That is when the process has ended that inserts, and no job is left.
#
live_watch()
{
	local streaming=${1:-} start=$SECONDS ended='' last='' rows

	live_height=0
	coproc LIVE { live_psql -A -t; }
	while true; do
		if [ -z "$ended" ] && ! live_streams "$streaming"; then
			ended=$SECONDS
		fi
		live_ask
		live_show "$((SECONDS - start))" "$last" "${rows[@]}"
		last=${rows[0]}
		if [ -n "$ended" ]; then
			case ${rows[-1]} in
				*'nothing to do') break ;;
			esac
			[ $((SECONDS - ended)) -le "$LIVE_PATIENCE" ] ||
				lib_die "the worker has not finished after $LIVE_PATIENCE s"
		fi
		live_sleep
	done
	kill "$LIVE_PID"
	wait "$LIVE_PID" 2> /dev/null || true
}

# When the process has ended it must have ended well.
live_streams()
{
	[ -n "$1" ] || return 1
	! kill -0 "$1" 2> /dev/null || return 0
	wait "$1" || lib_die "the rows could not be inserted"
	return 1
}

# Put the rows of live_frame() into the caller's array rows.
live_ask()
{
	local row

	rows=()
	printf '%s\n' 'BEGIN ISOLATION LEVEL REPEATABLE READ;' \
		'SELECT live_frame();' 'COMMIT;' '\echo .' >&"${LIVE[1]}"
	while IFS= read -r row <&"${LIVE[0]}"; do
		[ "$row" != . ] || return 0
		rows+=("$row")
	done
	lib_die "the session that watches has ended"
}

#
# live_show -- show the rows of live_frame()
#
#	live_show SECONDS LAST KEY LINE PICTURE...
#
# On a terminal the line stays, above the picture, when something has happened.
# Lines are not to be broken there, or the picture would be higher.
#
live_show()
{
	local last=$2 key=$3 line picture

	printf -v line '%3d s%s' "$1" "$4"
	shift 4
	if [ ! -t 1 ]; then
		printf '%s\n' "$line"
		return 0
	fi
	picture=$(printf '%s\n' "$@")
	[ "$key" = "$last" ] || picture=$line$'\n\n'$picture
	[ "$key" != "$last" ] || picture=$'\n'$picture
	[ "$live_height" -eq 0 ] || printf '\033[%dA\033[J' "$live_height"
	printf '\033[?7l%s\033[?7h\n' "$picture"
	live_height=$(($# + 1))
}

live_sleep()
{
	if [ -t 1 ]; then sleep 0.2; else sleep 0.95; fi
}
