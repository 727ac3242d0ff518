# Runs the commands that come in, one a line. When one fails, says what it printed and ends with its status; after the
# last, says how many tests they have counted: those in files that a program has read, or its own in TAP.
while read -r command; do
  eval "$command" >said 2>&1 </dev/null || {
    status=$?
    cat said
    echo "$command: status $status"
    exit $status
  }
  cat said >>all
done
awk '
  / Completed [0-9]+ tests with 0 errors/ { sub(/.* Completed /, ""); sum += $1 - $(NF - 1) - 1 }
  /^ *ok [0-9]/ && !/# (skipped|SKIP)/ { sum++ }
  END { print sum " tests passed" }
' all
rm all said
