# Fields, associative arrays and regular expressions; as the suite: one unit, "begin", more units, their checksum.
function unit(    i, n, seed, line, fields, count, total, key) {
  seed = 12345
  total = 0
  for (i = 0; i < 400; i++) {
    seed = (seed * 1103 + 12345) % 65536
    line = sprintf("user%d:x:%d:%d:name %s,room %d:/home/%d", seed % 97, i, seed % 13, substr("abcdefghij", seed % 9 + 1), seed % 50, i)
    n = split(line, fields, ":")
    gsub(/[aeiou]/, "_", fields[5])
    count[fields[1]] += length(fields[5]) + n
    if (fields[6] ~ /[02468]$/) total += fields[3]
  }
  for (key in count) total += count[key] * length(key)
  return total
}
BEGIN {
  sum = unit()
  print "begin"
  fflush()
  for (round = 0; round < units; round++) if (unit() != sum) exit 1
  printf "%d\n", sum
}
