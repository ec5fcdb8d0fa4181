# lib.sh -- functions shared by the scripts of this folder
#
# Sourced, never run.  It finds or installs what a script needs from Debian,
# makes a private copy of the checkout and of the PostgreSQL installation in a
# temporary folder, and runs servers out of that folder only.  Nothing of the
# machine is changed but for the Debian packages that were missing.
#
# A script that uses a server runs twice.  First outside, as the caller:
#
#	lib_enter "$@"
#
# which installs packages, makes the temporary folder, and runs the script's
# copy in there, inside, as a user without privileges.  Inside, lib_enter only
# sets variables and returns.  When the inner run ends, or on a signal, every
# server that runs out of the folder is stopped and the folder removed.
#
# Variables inside:
#
#	WORK		the temporary folder
#	PG_MAJOR	major version of PostgreSQL
#	PG_TREE		our PostgreSQL tree; PG_BIN its folder of programs
#	LIB_KEEP	"yes" if the folder will stay
#
# The temporary folder:
#
#	src/		copy of the checkout, where everything is built
#	pg/			PostgreSQL with our extension installed into it; assert/ the same
#				for the server with assertions
#	data-NAME, log-NAME		data folder and log of the server NAME
#	sock/		sockets

LIB_MIN_MAJOR=15

lib_progress()
{
	printf '[%s] %s\n' "$(date +%H:%M:%S)" "$*" >&2
}

lib_die()
{
	printf '%s: error: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# Prints the leading comment of a script, which is its manual page.
lib_usage()
{
	sed -n '2,/^[^#]/{s/^#[ ]\{0,1\}//p;}' "$1" | sed '1{/^$/d;}'
}

lib_jobs()
{
	local n

	n=$(nproc 2>/dev/null || echo 1)
	echo "${VECTORDB_JOBS:-$n}"
}

# ---- Debian packages ----

lib_as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo > /dev/null; then
		sudo "$@"
	else
		lib_die "must be root or have sudo to run: $*"
	fi
}

#
# lib_install_packages -- install those of the named packages that are missing
#
# Does not touch apt when all are there, so that everything works offline.
#
lib_install_packages()
{
	local missing=() package log

	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
			grep -q 'ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	command -v apt-get > /dev/null ||
		lib_die "missing packages: ${missing[*]} (only Debian is supported)"
	lib_apt_update
	lib_progress "installing ${missing[*]}"
	log=$(mktemp)
	if ! lib_as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
		install --no-install-recommends "${missing[@]}" \
		< /dev/null > "$log" 2>&1
	then
		tail -n 30 "$log" >&2
		rm -f "$log"
		lib_die "could not install: ${missing[*]}"
	fi
	rm -f "$log"
}

# Once per run; a list that does not answer is no reason to stop.
lib_apt_update()
{
	[ -z "${lib_apt_updated:-}" ] || return 0
	lib_progress "reading package lists"
	lib_as_root apt-get -qq -o DPkg::Lock::Timeout=300 update > /dev/null ||
		lib_progress "a package list could not be fetched, going on"
	lib_apt_updated=yes
}

#
# lib_find_version -- set PG_MAJOR
#
# The newest installed server that has its development files; else the newest
# installed server; else what the distribution's package "postgresql" means.
#
lib_find_version()
{
	local folder

	[ -z "${PG_MAJOR:-}" ] || return 0
	PG_MAJOR=$(for folder in /usr/lib/postgresql/*/; do
			[ -x "$folder/bin/postgres" ] || continue
			[ -f "$folder/lib/pgxs/src/makefiles/pgxs.mk" ] &&
				echo "1 $(basename "$folder")" || echo "0 $(basename "$folder")"
		done | awk -v min="$LIB_MIN_MAJOR" '$2 >= min' |
		sort -n -k 1,1 -k 2,2 | tail -n 1 | cut -d ' ' -f 2)
	if [ -z "$PG_MAJOR" ]; then
		apt-cache show postgresql > /dev/null 2>&1 || lib_apt_update
		PG_MAJOR=$(apt-cache show postgresql 2>/dev/null |
			sed -n 's/^Depends:.*postgresql-\([0-9]\+\).*/\1/p' | sort -n |
			tail -n 1)
	fi
	[ "${PG_MAJOR:-0}" -ge "$LIB_MIN_MAJOR" ] ||
		lib_die "PostgreSQL $LIB_MIN_MAJOR or newer is needed"
}

# Where script/build-assert-server puts its server and script/test finds it.
lib_assert_folder()
{
	echo "${VECTORDB_ASSERT_SERVER:-${XDG_CACHE_HOME:-$HOME/.cache}/vectordb/pg$PG_MAJOR-assert}"
}

# ---- outside: preparing the temporary folder ----

#
# lib_enter -- split a script into its outer and its inner run, see above
#
# The caller may set LIB_PACKAGES, further Debian packages to install.
#
lib_enter()
{
	if [ -n "${VECTORDB_INSIDE:-}" ]; then
		WORK=$VECTORDB_INSIDE
		lib_use_tree "$WORK/pg"
		cd "$WORK/src"
		return 0
	fi

	local script args=() arg

	script=$(basename "$0")
	LIB_KEEP=no
	for arg in "$@"; do
		case $arg in
			--keep) LIB_KEEP=yes ;;
			-h | --help) lib_usage "$0"; exit 0 ;;
			*) args+=("$arg") ;;
		esac
	done
	lib_find_version
	# shellcheck disable=SC2086
	lib_install_packages "postgresql-$PG_MAJOR" \
		"postgresql-server-dev-$PG_MAJOR" build-essential ${LIB_PACKAGES:-}
	lib_make_work
	lib_run_inside "$WORK/src/script/$script" ${args[@]+"${args[@]}"}
}

#
# lib_make_work -- create the temporary folder and all that lies in it
#
# The name is kept short, for a socket's path has room for 107 bytes.
#
lib_make_work()
{
	local checkout
	checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

	WORK=$(mktemp -d "${TMPDIR:-/tmp}/vectordb.XXXXXX")
	trap lib_clean_up EXIT
	trap 'lib_interrupted 130' INT
	trap 'lib_interrupted 143' TERM HUP
	chmod 755 "$WORK"
	mkdir "$WORK/src" "$WORK/sock"
	tar -c -C "$checkout" --exclude=./.git --exclude='*.o' --exclude='*.d' \
		--exclude='*.bc' --exclude='*.so' --exclude=./results \
		--exclude=./tmp_check --exclude=./output_iso . |
		tar -x -C "$WORK/src" --no-same-owner
	lib_copy_server "/usr/lib/postgresql/$PG_MAJOR/bin" "$WORK/pg"
	if [ -x "$(lib_assert_folder)/bin/postgres" ]; then
		mkdir "$WORK/assert"
		cp -a "$(lib_assert_folder)/." "$WORK/assert"
	fi
	lib_choose_user
	[ -z "$LIB_USER" ] || chown -R "$LIB_USER:" "$WORK"
}

# PostgreSQL refuses to run as root: then the inner run gets another user.
lib_choose_user()
{
	LIB_USER=
	[ "$(id -u)" -eq 0 ] || return 0
	for LIB_USER in postgres nobody; do
		! id -u "$LIB_USER" > /dev/null 2>&1 || return 0
	done
	lib_die "there is no user \"postgres\" and no user \"nobody\""
}

#
# lib_copy_server -- make a private copy of an installed server
#
# PostgreSQL finds its folders relative to the program that runs, so a copy
# that keeps their places to each other works as the original does.  Programs
# must be copied, for it follows links when it looks for itself; everything
# else is linked to.  Links are replaced, not followed, when something is
# installed over them.
#
lib_copy_server()
{
	local bin=$1 tree=$2 folder option

	mkdir -p "$tree$bin"
	cp -a "$bin/." "$tree$bin"
	for option in --pkglibdir --sharedir; do
		folder=$("$bin/pg_config" $option)
		mkdir -p "$tree$folder"
		cp -a -s "$folder/." "$tree$folder"
	done
	for option in --pkgincludedir --includedir; do
		folder=$("$bin/pg_config" $option)
		[ -d "$folder" ] && [ ! -e "$tree$folder" ] || continue
		mkdir -p "$(dirname "$tree$folder")"
		ln -s "$folder" "$tree$folder"
	done
}

#
# lib_run_inside -- run a command inside and exit with its status
#
# It gets a process group of its own, so that a signal can reach all of it,
# and an environment that does not depend on the caller's.
#
lib_run_inside()
{
	local as=() status=0

	[ -z "$LIB_USER" ] ||
		as=(setpriv "--reuid=$LIB_USER" "--regid=$(id -g "$LIB_USER")"
			--init-groups)
	set -m
	${as[@]+"${as[@]}"} env -i "PATH=/usr/local/bin:/usr/bin:/bin" \
		"HOME=$WORK" "USER=${LIB_USER:-$(id -un)}" "TERM=${TERM:-dumb}" \
		LC_ALL=C.UTF-8 TZ=UTC "PG_MAJOR=$PG_MAJOR" "LIB_KEEP=$LIB_KEEP" \
		"VECTORDB_INSIDE=$WORK" "VECTORDB_JOBS=$(lib_jobs)" \
		"$@" < /dev/null &
	lib_child=$!
	set +m
	wait "$lib_child" || status=$?
	lib_child=
	exit "$status"
}

lib_interrupted()
{
	trap '' INT TERM HUP
	LIB_KEEP=no
	[ -z "${lib_child:-}" ] || kill -TERM -- "-$lib_child" 2>/dev/null || true
	exit "$1"
}

lib_clean_up()
{
	[ "$LIB_KEEP" != yes ] || return 0
	lib_stop_all
	cd /
	rm -rf "$WORK"
}

# Stops every server that runs out of our folder, and no other.
lib_stop_all()
{
	local file pid pids=() try

	while read -r file; do
		pid=$(head -n 1 "$file" 2>/dev/null) || continue
		case $(readlink "/proc/$pid/exe" 2>/dev/null) in
			"$WORK"/*) kill -QUIT "$pid" 2>/dev/null && pids+=("$pid") ;;
		esac
	done < <(find "$WORK" -name postmaster.pid 2>/dev/null)
	for pid in ${pids[@]+"${pids[@]}"}; do
		for try in $(seq 100); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
	done
}

# ---- inside: building, servers ----

# Chooses the PostgreSQL tree that the functions below work with.
lib_use_tree()
{
	PG_TREE=$1
	PG_BIN=$PG_TREE/bin
	[ -d "$PG_BIN" ] || PG_BIN=$PG_TREE/usr/lib/postgresql/$PG_MAJOR/bin
	PG_CONFIG=$PG_BIN/pg_config
	# A tree under another prefix names that prefix's libraries.
	unset LD_LIBRARY_PATH
	[ ! -e "$PG_TREE/lib/libpq.so.5" ] ||
		export LD_LIBRARY_PATH="$PG_TREE/lib"
	export PG_CONFIG PATH="$PG_BIN:/usr/local/bin:/usr/bin:/bin"
}

#
# lib_build -- build the extension and install it into the tree in use
#
# Arguments are passed to make.  The log is shown when it fails.
#
lib_build()
{
	local log=$WORK/log-build

	if ! { make -s -j "$(lib_jobs)" PG_CONFIG="$PG_CONFIG" "$@" all &&
		make -s PG_CONFIG="$PG_CONFIG" "$@" install; } > "$log" 2>&1; then
		cat "$log" >&2
		return 1
	fi
}

#
# lib_start_server -- create and start a server
#
#	lib_start_server NAME PORT [SETTING=VALUE ...]
#
# It listens on $WORK/sock only.  Durability is off where a crash of the
# machine is the only thing it guards against.
#
lib_start_server()
{
	local name=$1 port=$2 setting
	shift 2

	"$PG_BIN/initdb" -D "$WORK/data-$name" -U postgres --auth=trust \
		--no-sync --no-instructions --locale=C.UTF-8 --encoding=UTF8 \
		> "$WORK/log-initdb" 2>&1 ||
		{ cat "$WORK/log-initdb" >&2; return 1; }
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$WORK/sock'"
		echo "port = $port"
		echo "fsync = off"
		for setting in "$@"; do
			echo "${setting%%=*} = '${setting#*=}'"
		done
	} >> "$WORK/data-$name/postgresql.conf"
	lib_ctl "$name" start
}

lib_ctl()
{
	local name=$1
	shift

	"$PG_BIN/pg_ctl" -D "$WORK/data-$name" -l "$WORK/log-$name" -w -s \
		-t 120 "$@" || { tail -n 20 "$WORK/log-$name" >&2; return 1; }
}

lib_psql()
{
	local port=$1
	shift

	"$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$WORK/sock" -p "$port" \
		-U postgres "$@"
}
