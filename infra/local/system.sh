#!/bin/sh
# system.sh [--if-root] LIST…: install what only root can, on Debian and its kin. Says one sentence when it cannot.
#
#   test      what the tests start beside the product: PostgreSQL, Java and Maven for the Kafka broker, kcat and Node as
#             foreign subscribers. About 200 MB.
#   bench     the peers of `make bench`: wrk, and adnanh/webhook. About 10 MB.
#   browser   Chromium, for the tests of the pages that people see. About 400 MB.
#
# Nothing of it is left running: the packages' services are not started, and the PostgreSQL cluster that Debian makes
# does not start with the machine. With --if-root it never fails: the tests say what they miss.
set -eu
POLICY=/usr/sbin/policy-rc.d # invoke-rc.d asks it whether a service may start: https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt

stop() {
    echo "error: $1" >&2
    [ -n "$if_root" ] && exit 0
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }
has_postgresql() { ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }
has_java() { has java && java -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p' | grep -qxE '1[7-9]|[2-9][0-9]'; }

missing_of() {
    case $1 in
    test)
        has_postgresql || echo postgresql
        has_java || echo openjdk-17-jre-headless
        has mvn || echo maven
        has kcat || echo kcat
        has node || echo nodejs
        has npm || echo npm
        ;;
    bench)
        has wrk || echo wrk
        has webhook || echo webhook
        ;;
    browser)
        has chromium || echo chromium
        ;;
    esac
}

install_quietly() {
    if [ ! -e "$POLICY" ]; then
        trap 'rm -f "$POLICY"' EXIT
        trap 'exit 1' INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$POLICY" # 101: forbidden by policy
        chmod 755 "$POLICY"
    fi
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

if_root=
if [ "${1:-}" = --if-root ]; then
    if_root=yes
    shift
    [ "$(id -u)" = 0 ] || exit 0
fi

for list in "$@"; do
    case $list in test | bench | browser) ;; *) stop "there is no list $list: the lists are test, bench and browser" ;; esac
done
packages=$(for list in "$@"; do missing_of "$list"; done | sort -u | tr '\n' ' ')
[ -n "$packages" ] || {
    [ -n "$if_root" ] || echo "nothing is missing"
    exit 0
}
has apt-get || stop "there is no apt-get here: install by hand what Debian calls $packages"
[ "$(id -u)" = 0 ] || stop "only root can install $packages: run make install-system as root"
echo "installing $packages ..."
had_postgresql=$(has_postgresql && echo yes || true)
# shellcheck disable=SC2086 # a list of words
install_quietly $packages || stop "these could not be installed: $packages; see above, Debian's mirror must be reachable"
if [ -z "$had_postgresql" ]; then
    for start in /etc/postgresql/*/main/start.conf; do
        [ -e "$start" ] && sed -i 's/^auto$/manual/' "$start"
    done
fi
