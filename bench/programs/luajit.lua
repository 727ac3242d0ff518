-- Programs with known results for LuaJIT, which writes machine code while it runs: "luajit luajit.lua NAME" prints one.
local ffi = require 'ffi'

local programs = {}

-- Ways to put 9 queens on a board.
function programs.queens()
  local count, columns, up, down = 0, {}, {}, {}
  local function place(row)
    if row > 9 then
      count = count + 1
      return
    end
    for column = 1, 9 do
      local u, d = row + column, row - column + 9
      if not (columns[column] or up[u] or down[d]) then
        columns[column], up[u], down[d] = true, true, true
        place(row + 1)
        columns[column], up[u], down[d] = nil, nil, nil
      end
    end
  end
  place(1)
  return count
end

-- Primes below a million.
function programs.primes()
  local limit, count = 1000000, 0
  local isComposite = ffi.new('uint8_t[?]', limit)
  for n = 2, limit - 1 do
    if isComposite[n] == 0 then
      count = count + 1
      for multiple = n * n, limit - 1, n do isComposite[multiple] = 1 end
    end
  end
  return count
end

-- Where the longest Collatz sequence below 100000 begins.
function programs.collatz()
  local best, longest = 0, 0
  for start = 1, 99999 do
    local n, length = start, 1
    while n ~= 1 do
      n = n % 2 == 0 and n / 2 or 3 * n + 1
      length = length + 1
    end
    if length > longest then best, longest = start, length end
  end
  return best
end

-- The largest number of flips of permutations of 8 (the fannkuch benchmark).
function programs.fannkuch()
  local n, most = 8, 0
  local order, copy, counts = {}, {}, {}
  for i = 1, n do order[i], counts[i] = i, i end
  while true do
    for i = 1, n do copy[i] = order[i] end
    local flips, first = 0, copy[1]
    while first ~= 1 do
      local low, high = 1, first
      while low < high do
        copy[low], copy[high] = copy[high], copy[low]
        low, high = low + 1, high - 1
      end
      flips, first = flips + 1, copy[1]
    end
    if flips > most then most = flips end
    local i = 2
    while true do
      if i > n then return most end
      local moved = table.remove(order, 1)
      table.insert(order, i, moved)
      counts[i] = counts[i] - 1
      if counts[i] > 0 then break end
      counts[i], i = i, i + 1
    end
  end
end

-- New code again and again: each function gets hot, is compiled, and is thrown away with the rest now and then.
function programs.functions()
  local sum = 0
  for factor = 1, 300 do
    local make = loadstring('local s = 0; for i = 1, 1000 do s = s + i * ' .. factor .. ' end; return s')
    sum = sum + make()
    if factor % 100 == 0 then jit.flush() end
  end
  return sum
end

-- Machine code that is rewritten before each call of it, in 16 pages in turn.
function programs.rewrite()
  ffi.cdef 'void *mmap(void *, size_t, int, int, int, long);'
  local bytes = ffi.cast('uint8_t *', ffi.C.mmap(nil, 16 * 4096, 7, 0x22, -1, 0))
  local sum = 0
  for i = 1, 20000 do
    local code = bytes + i % 16 * 4096 + i % 7 * 64
    code[0], code[5] = 0xb8, 0xc3 -- mov eax, i; ret
    ffi.cast('uint32_t *', code + 1)[0] = i
    sum = sum + ffi.cast('uint32_t (*)(void)', code)()
  end
  return sum
end

-- Words of a text that is taken apart and put together again.
function programs.words()
  local words, count = {}, 0
  for i = 1, 20000 do words[i] = 'word' .. i % 100 end
  local text = table.concat(words, ' ')
  for _ = 1, 5 do
    text = text:gsub('word(%d+)', function(number)
      count = count + 1
      return 'word' .. (number + 1) % 100
    end)
  end
  return count .. ' ' .. #text
end

-- Numbers 0 to 49999 in disorder, sorted, passed on by a coroutine.
function programs.sorting()
  local numbers = {}
  for i = 0, 49999 do numbers[i + 1] = i * 7919 % 50000 end
  table.sort(numbers)
  local passOn = coroutine.wrap(function()
    for _, number in ipairs(numbers) do coroutine.yield(number) end
  end)
  local sum = 0
  for i = 0, 49999 do sum = sum + i * passOn() % 1000003 end
  return sum
end

local result = programs[arg[1]]()
print(type(result) == 'number' and ('%.0f'):format(result) or result)
