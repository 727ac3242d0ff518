-- Strings, tables and closures; as the suite: one unit, "begin", more units, their checksum.
local function primes(limit)
  local composite, found = {}, 0
  for i = 2, limit do
    if not composite[i] then
      found = found + i
      for j = i * i, limit, i do composite[j] = true end
    end
  end
  return found
end

local function words(count)
  local list, seed = {}, 12345
  for i = 1, count do
    seed = (seed * 1103515245 + 12345) % 2147483648
    list[i] = string.format("%05x-%d", seed % 1048576, i % 7)
  end
  table.sort(list)
  return table.concat(list, ",")
end

local function counter()
  local sums = setmetatable({}, { __index = function() return 0 end })
  return function(key) sums[key] = sums[key] + #key return sums[key] end
end

local function unit()
  local sum, count = primes(4000), counter()
  for word in words(400):gmatch("%x+%-%d") do
    sum = (sum * 31 + count(word:sub(-1)) + tonumber(word:sub(1, 5), 16)) % 4294967296
  end
  return sum
end

local sum = unit()
print("begin")
io.stdout:flush()
for _ = 1, tonumber(arg[1]) do assert(unit() == sum) end
print(string.format("%d", sum))
