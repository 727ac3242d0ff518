/** Shell scripts of the default guest, for busybox's shell. */

/** /init: the kernel's first process. */
export const initScript = `#!/bin/busybox sh
# First process of Mezz's default guest: makes the usual file systems and hands over to busybox init, which runs either
# a shell on the console or, when the host has added /mezz/command, that command.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mkdir -p /dev/pts /dev/shm
/bin/busybox mount -t devpts devpts /dev/pts
/bin/busybox mount -t tmpfs tmpfs /dev/shm
/bin/busybox --install -s 2>/dev/null
hostname mezz
ifconfig lo 127.0.0.1 up
dmesg -n 1

read -r consoles </sys/class/tty/console/active
console=\${consoles##* }
if [ -f /mezz/command ]; then
  echo "::once:/mezz/run-command"
else
  echo "\${console:-console}::once:/mezz/shell"
fi >/etc/inittab
echo "::restart:/sbin/init" >>/etc/inittab
exec /sbin/init </dev/console >/dev/console 2>&1
`;

/** /mezz/shell: the interactive mode. */
export const shellScript = `#!/bin/sh
# An interactive shell on the console, as a session of its own; leaving it turns the machine off. The host says how its
# terminal is by TERM, LINES and COLUMNS on the kernel's command line, which the kernel hands on as environment.
export HOME=/root USER=root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
[ "\${TERM:-linux}" != linux ] || TERM=vt102
export TERM
[ -z "$LINES" ] || [ -z "$COLUMNS" ] || stty rows "$LINES" cols "$COLUMNS"
unset LINES COLUMNS
cd /root
sh -l
sync
poweroff -f
`;

/** /mezz/run-command: the guest's side of the command protocol. */
export const runCommandScript = `#!/bin/sh
# Runs one command for the host and turns the machine off. The protocol is described in command-session.ts.
stop() {
  echo "mezz: $1" >/dev/console
  poweroff -f
}
for port in 1 2 3; do
  stty -F /dev/ttyS$port 115200 raw -echo clocal -crtscts || stop "no serial port ttyS$port for the command"
done
exec 3</dev/ttyS1 4>/dev/ttyS1 5>/dev/ttyS2 6>/dev/ttyS3
mkfifo /mezz/stdin /mezz/stdout /mezz/stderr

# Standard input comes in pieces, each asked for when the one before it has been taken: nothing can overrun.
pump() {
  while echo want >&6 && read -r size <&3 && [ "$size" -gt 0 ]; do
    dd bs="$size" count=1 iflag=fullblock status=none <&3 || return
  done
}

# The command must hold none of the ports, and sees pipes, not terminals.
run() {
  exec 3<&- 4>&- 5>&- 6>&-
  export HOME=/root USER=root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  unset LINES COLUMNS TERM
  cd /
  . /mezz/command
  if ! command -v "$1" >/dev/null; then
    echo "mezz: $1: not found" >&2
    exit 127
  fi
  exec "$@"
}

cat </mezz/stdout >&4 3<&- 5>&- 6>&- &
stdout=$!
cat </mezz/stderr >&5 3<&- 4>&- 6>&- &
stderr=$!
pump >/mezz/stdin 2>/dev/null 4>&- 5>&- &
(run) </mezz/stdin >/mezz/stdout 2>/mezz/stderr
status=$?

# What the command left behind ends with it: else its open pipes would keep the output from ending.
for process in /proc/[0-9]*; do
  process=\${process#/proc/}
  case $process in
    1 | $$ | $stdout | $stderr) ;;
    *) kill -9 "$process" ;;
  esac
done 2>/dev/null
wait $stdout $stderr

# Setting a terminal waits for its output to drain.
stty -F /dev/ttyS1 raw -echo
stty -F /dev/ttyS2 raw -echo
echo "exit $status" >&6
stty -F /dev/ttyS3 raw -echo
poweroff -f
`;
