# What the commands of this directory share: which Debian packages the machine needs, and how to get them.
#
# Source it; it changes into the root of the tree. Everything works from any directory, twice in a row, and says what it does
# before it does it. Errors are one sentence that names the cure, and exit 1.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# To build and run. binutils brings ar, nm and size; curl is for the first alert that bin/run prints.
PACKAGES_BUILD="gcc libc6-dev make binutils pkg-config libjson-c-dev libmicrohttpd-dev libcurl4-openssl-dev libsqlite3-dev libpq-dev libyaml-dev libssl-dev"
PACKAGES_RUN="$PACKAGES_BUILD ca-certificates curl"
# To test: a second compiler with its sanitizers and fuzzer, the test library, valgrind, the tools of the scripted peers, a database server,
# network namespaces, failing system calls and false clocks, and node for the fakes.
PACKAGES_TEST="$PACKAGES_RUN clang libclang-rt-14-dev llvm libcmocka-dev valgrind python3 openssl mount postgresql iproute2 nodejs iptables strace \
	libfaketime"

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# missing PACKAGE... -> those that are not installed
missing() {
	local p
	for p in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || printf '%s ' "$p"
	done
}

# need PACKAGE... : installs what is missing, or says how and ends. Does nothing, and asks no server, when all are there.
need() {
	command -v dpkg-query >/dev/null || die "this machine has no dpkg: install the equivalents of these Debian packages, then run 'make': $*"
	local list
	list=$(missing "$@")
	[ -n "$list" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		say "$(basename "$0"): packages are missing and only root can install them; run this, then try again:"
		say "  sudo apt-get install -y --no-install-recommends $list"
		exit 1
	fi
	say "installing Debian packages: $list"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update >&2 || die "apt-get update failed: check the network and /etc/apt/sources.list, then try again"
	# shellcheck disable=SC2086  # a list of words on purpose
	apt-get -qq install -y --no-install-recommends $list >/dev/null || die "apt-get could not install: $list"
}

# need_command COMMAND PACKAGE : for programs that some machines have from elsewhere: a package is asked for only when the command is missing.
need_command() {
	command -v "$1" >/dev/null || need "$2"
}

# build : build/tocsin from what is there, with as many jobs as there are cores but no more than four
build() {
	local jobs
	jobs=$(nproc 2>/dev/null || echo 2)
	say "building build/tocsin"
	make -s -j"$((jobs < 4 ? jobs : 4))" CC=gcc MODE=release build/tocsin >&2 || die "the build failed: the first error above says where"
}
