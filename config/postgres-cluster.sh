#!/usr/bin/env bash
# A private PostgreSQL cluster in a directory, for trying billsync out and for its tests.
#
#   config/postgres-cluster.sh start DIR     create it if it is not there, start it if it does not run
#   config/postgres-cluster.sh stop DIR      stop it (fast shutdown); fine if it does not run
#   config/postgres-cluster.sh url DIR       print the libpq URL of its database
#   config/postgres-cluster.sh status DIR    exit 0: accepts connections, 3: does not run, 4: there is no cluster
#
# The cluster has one superuser and one database, both called billsync, listens on no TCP port, and trusts whoever can
# reach its socket. The socket's directory is therefore open to the cluster's owner (and root) only;
# BILLSYNC_PG_SHARED=1 at start opens it to every user of this machine.
#
# PostgreSQL refuses to run as root, so root gets a cluster that belongs to the user "postgres".
#
#   BILLSYNC_PG_FAST=1     at start: no fsync. A power cut may destroy the cluster; for tests only
#   BILLSYNC_PG_BINDIR     where initdb and pg_ctl are, if not in /usr/lib/postgresql/*/bin or on the PATH
set -euo pipefail
umask 022

readonly MIN_MAJOR=15
readonly PORT=5432           # names the socket file only
readonly MAX_SOCKET_PATH=107 # sun_path of Linux, less the closing NUL

say() { printf '%s\n' "postgres-cluster: $*" >&2; }
die() {
  say "$*"
  exit 1
}

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2
  exit 2
}

# ---- who runs the server -------------------------------------------------------------------------------------------

server_user() {
  if [ "$(id -u)" -eq 0 ]; then echo postgres; else id -un; fi
}

as_server_user() {
  if [ "$(id -u)" -ne 0 ]; then
    "$@"
  elif command -v runuser >/dev/null; then
    runuser -u postgres -- "$@"
  elif command -v setpriv >/dev/null; then
    setpriv --reuid=postgres --regid="$(id -g postgres)" --init-groups -- "$@"
  else
    # shellcheck disable=SC2016  # the inner shell expands it
    su -s /bin/sh postgres -c 'exec "$0" "$@"' -- "$@"
  fi
}

# ---- which server --------------------------------------------------------------------------------------------------

major_of() { "$1/postgres" --version 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9]*\).*/\1/p'; }

# Prints the directory of the binaries: those an existing cluster was made with, else the newest that will do.
find_bindir() {
  local wanted=${1:-} best='' best_major=0 dir major
  for dir in "${BILLSYNC_PG_BINDIR:-}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin \
    "$(dirname "$(command -v postgres || echo /nowhere/postgres)")"; do
    if [ ! -x "$dir/postgres" ] || [ ! -x "$dir/initdb" ] || [ ! -x "$dir/pg_ctl" ]; then continue; fi
    major=$(major_of "$dir")
    if [ "${major:-0}" -lt "$MIN_MAJOR" ]; then continue; fi
    if [ -n "$wanted" ]; then
      if [ "$major" -eq "$wanted" ]; then echo "$dir" && return 0; fi
    elif [ "$major" -gt "$best_major" ]; then
      best=$dir best_major=$major
    fi
  done
  [ -n "$best" ] || return 1
  echo "$best"
}

need_server() {
  local wanted=''
  [ ! -f "$root/data/PG_VERSION" ] || wanted=$(cat "$root/data/PG_VERSION")
  if ! bindir=$(find_bindir "$wanted"); then
    [ -z "$wanted" ] || die "$root/data was made by PostgreSQL $wanted, whose server is not installed;" \
      "type: apt-get install postgresql-$wanted (or remove the directory to start afresh)"
    die "no PostgreSQL $MIN_MAJOR or newer found in /usr/lib/postgresql/*/bin or on the PATH;" \
      "type: apt-get install postgresql postgresql-contrib (or set BILLSYNC_PG_BINDIR)"
  fi
  if [ "$(id -u)" -eq 0 ] && ! id postgres >/dev/null 2>&1; then
    die "run by root, the server needs the user \"postgres\", which does not exist;" \
      "type: apt-get install postgresql (or run this as an ordinary user)"
  fi
}

# ---- where it lies -------------------------------------------------------------------------------------------------

hash_of() { printf '%s' "$1" | sha256sum | cut -c1-12; }

# Sets $root. A directory that the server's user cannot enter (a clone in /root) keeps only a link to the real place.
find_root() {
  root=$dir
  if [ -L "$dir/cluster" ]; then root=$(readlink "$dir/cluster"); fi
}

# A fixed name in a directory that everybody may write to must be ours, not somebody's who was there first.
make_own_directory() {
  mkdir -m 755 "$1" 2>/dev/null || true
  if [ ! -d "$1" ] || [ -L "$1" ]; then die "$1 is not a directory"; fi
  local owner
  owner=$(stat -c %U "$1")
  [ "$owner" = "$(id -un)" ] || [ "$owner" = "$(server_user)" ] || die "$1 belongs to $owner; remove it and try again"
}

make_root() {
  mkdir -p "$dir" || die "cannot create $dir"
  find_root
  if [ "$root" = "$dir" ] && ! as_server_user test -x "$dir"; then
    root=/var/tmp/billsync-$(hash_of "$dir")
    make_own_directory "$root"
    ln -s "$root" "$dir/cluster"
    say "the user $(server_user) cannot enter $dir; the cluster lies in $root, $dir/cluster points there"
  elif [ "$root" != "$dir" ]; then
    make_own_directory "$root"
  fi
  local sub
  for sub in data log; do
    [ -d "$root/$sub" ] || mkdir -m 700 "$root/$sub" || die "cannot write to $root"
    [ "$(id -u)" -ne 0 ] || chown postgres: "$root/$sub"
  done
}

socket_dir() {
  local wanted=$root/socket
  if [ "$(printf '%s' "$wanted/.s.PGSQL.$PORT" | wc -c)" -gt "$MAX_SOCKET_PATH" ]; then
    wanted=/tmp/billsync-$(hash_of "$root")
  fi
  echo "$wanted"
}

make_socket_dir() {
  local sockets mode=700
  sockets=$(socket_dir)
  [ "${BILLSYNC_PG_SHARED:-0}" != 1 ] || mode=755
  case $sockets in
    "$root"/*) [ -d "$sockets" ] || mkdir "$sockets" ;;
    *) make_own_directory "$sockets" ;;
  esac
  [ "$(id -u)" -ne 0 ] || chown postgres: "$sockets"
  chmod "$mode" "$sockets"
}

# ---- asking the server ---------------------------------------------------------------------------------------------

percent_encode() {
  local LC_ALL=C text=$1 out='' c i
  for ((i = 0; i < ${#text}; i++)); do
    c=${text:i:1}
    case $c in
      [a-zA-Z0-9/._~-]) out+=$c ;;
      *) out+=$(printf '%%%02X' "'$c") ;;
    esac
  done
  printf '%s' "$out"
}

# The user is named, so that it works whoever asks.
cluster_url() {
  printf 'postgresql://billsync@/%s?host=%s&port=%s' "${1:-billsync}" "$(percent_encode "$(socket_dir)")" "$PORT"
}

psql_in() {
  local url
  url="$(cluster_url "$1")&connect_timeout=5"
  shift
  as_server_user "$bindir/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$url" "$@"
}

accepts_connections() { psql_in postgres -c 'SELECT 1' >/dev/null 2>&1; }

# Prints the processes of our server: a PostgreSQL process works in its data directory, whatever that is called by now.
server_processes() {
  local link
  for link in /proc/[0-9]*/cwd; do
    if [ "$link" -ef "$root/data" ]; then link=${link%/cwd} && echo "${link##*/}"; fi
  done
}

# A pid file and a socket's lock outlive a crash, and their number may by now belong to another program, at which the
# server would refuse to start. Where /proc shows that nobody works in the data directory they mean nothing. Where it
# cannot show it, PostgreSQL's own check decides.
remove_stale_lock_files() {
  local pid_file=$root/data/postmaster.pid tries=0
  if [ ! -f "$pid_file" ] || [ ! -d /proc/self ]; then return 0; fi
  # The children of a killed server notice its end and go; until then the data directory is theirs.
  while [ -n "$(server_processes)" ] && ! server_processes | grep -qx -- "$(head -n 1 "$pid_file")"; do
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || die "processes of a killed server still use $root/data: $(server_processes | xargs)"
    sleep 0.1
  done
  [ -z "$(server_processes)" ] || return 0
  say "removing the lock files of a server that is gone (pid $(head -n 1 "$pid_file"))"
  rm -f "$pid_file" "$(socket_dir)/.s.PGSQL.$PORT" "$(socket_dir)/.s.PGSQL.$PORT.lock"
}

server_process_exists() { as_server_user "$bindir/pg_ctl" status -D "$root/data" >/dev/null 2>&1; }

# ---- create and start ----------------------------------------------------------------------------------------------

show_log_and_die() {
  say "$1; the end of $2:"
  tail -n 15 "$2" >&2 || true
  exit 1
}

# Made beside its place and moved there when complete: an interrupted initdb leaves nothing that looks like a cluster.
create_cluster() {
  local locale=C.UTF-8 sync=() log=$root/log/initdb.log new=$root/data/.new
  locale -a 2>/dev/null | grep -qixE 'C\.utf-?8' || locale=C
  [ "${BILLSYNC_PG_FAST:-0}" != 1 ] || sync=(--no-sync)
  rm -rf "$new" "$root/data.complete"
  as_server_user "$bindir/initdb" -D "$new" -U billsync -A trust -E UTF8 --locale="$locale" "${sync[@]}" \
    </dev/null 2>&1 | as_server_user tee "$log" >/dev/null || show_log_and_die "initdb failed" "$log"
  printf "include 'billsync.conf'\n" | as_server_user tee -a "$new/postgresql.conf" >/dev/null
  as_server_user touch "$new/billsync.conf"
  mv "$new" "$root/data.complete"
  rmdir "$root/data"
  mv "$root/data.complete" "$root/data"
}

write_settings() {
  local durable=on
  [ "${BILLSYNC_PG_FAST:-0}" != 1 ] || durable=off
  as_server_user tee "$root/data/billsync.conf" >/dev/null <<SETTINGS
# Written by postgres-cluster.sh at every start; put your own settings into postgresql.conf after the include.
listen_addresses = ''
port = $PORT
unix_socket_directories = '$(socket_dir | sed "s/'/''/g")'
max_connections = 200
timezone = 'UTC'
log_timezone = 'UTC'
fsync = $durable
synchronous_commit = $durable
full_page_writes = $durable
SETTINGS
}

start_server() {
  local log=$root/log/postgres.log
  remove_stale_lock_files
  make_socket_dir
  # A server that somebody else is starting right now is only waited for.
  if ! server_process_exists; then
    write_settings
    # pg_ctl gives the server a session of its own: Ctrl-C of the caller does not reach it. The lock must not stay with it.
    as_server_user "$bindir/pg_ctl" start -w -t 60 -s -D "$root/data" -l "$log" </dev/null >/dev/null 2>&1 9>&- ||
      show_log_and_die "the server did not start" "$log"
  fi
  local tries=0
  until accepts_connections; do
    tries=$((tries + 1))
    [ "$tries" -le 300 ] || show_log_and_die "the server runs but does not accept connections" "$log"
    sleep 0.2
  done
}

command_start() {
  find_root
  need_server
  make_root
  exec 9>"$root/log/lock"
  ! command -v flock >/dev/null || flock -w 120 9 || die "another start or stop of $dir has not ended for two minutes"
  if accepts_connections; then
    say "already running"
    return 0
  fi
  [ -f "$root/data/PG_VERSION" ] || create_cluster
  start_server
  [ -n "$(psql_in postgres -c "SELECT 1 FROM pg_database WHERE datname = 'billsync'")" ] ||
    psql_in postgres -c 'CREATE DATABASE billsync'
  say "running: $(cluster_url)"
}

# ---- the other commands --------------------------------------------------------------------------------------------

need_cluster() {
  find_root
  [ -f "$root/data/PG_VERSION" ] || {
    say "there is no cluster in $dir; type: $0 start $dir"
    exit 4
  }
  need_server
}

command_stop() {
  find_root
  if [ ! -f "$root/data/PG_VERSION" ]; then
    say "there is no cluster in $dir"
    return 0
  fi
  need_server
  remove_stale_lock_files
  if ! server_process_exists; then
    say "not running"
    return 0
  fi
  as_server_user "$bindir/pg_ctl" stop -m fast -w -t 60 -s -D "$root/data" || die "the server did not stop in a minute"
  say "stopped"
}

command_status() {
  need_cluster
  if accepts_connections; then
    say "running: $(cluster_url)"
  else
    say "not running"
    exit 3
  fi
}

# ---- main ----------------------------------------------------------------------------------------------------------

[ $# -eq 2 ] || usage
[ -n "$2" ] || usage
case $2 in
  /*) dir=$2 ;;
  *) dir=$PWD/$2 ;;
esac
dir=$(realpath -m -- "$dir")
root=$dir
bindir=''

# The caller's directory may be closed to the server's user, and the caller's PG… variables speak of other servers.
cd /
for variable in $(compgen -e | grep '^PG' || true); do unset "$variable"; done

case $1 in
  start) command_start ;;
  stop) command_stop ;;
  url) need_cluster && cluster_url && echo ;;
  status) command_status ;;
  *) usage ;;
esac
