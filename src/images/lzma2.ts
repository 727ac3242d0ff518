/**
 * The LZMA2 decoder. The .xz file format, version 1.1.0, section 5.3.1; the LZMA specification of the LZMA SDK
 * (lzma-specification.txt), whose names are kept. No library that runs everywhere knows the x86 filter that kernels use.
 */
import { UnpackError } from './unpack-error.ts';

const probabilityBits = 11;
const initialProbability = 1 << (probabilityBits - 1);
const topValue = 2 ** 24;
const stateCount = 12;
const positionStatesMax = 16;
const firstMatchState = 7;

/** Where decoded bytes go: a buffer that grows up to a limit, and is its own dictionary. */
export class Lzma2Output {
  readonly #limit: number;
  buffer: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(expectedBytes: number, limitBytes: number) {
    this.#limit = limitBytes;
    this.buffer = new Uint8Array(Math.min(expectedBytes, limitBytes));
  }

  reserve(sizeBytes: number): void {
    const needed = this.length + sizeBytes;
    if (needed <= this.buffer.length) return;
    if (needed > this.#limit) throw damaged('uncompressed size', `it unpacks to more than ${this.#limit} bytes`);
    const larger = new Uint8Array(Math.min(this.#limit, Math.max(needed, this.buffer.length * 2, 1 << 16)));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }
}

/** Decodes LZMA2 chunks from `start` to the end marker; returns where the packed data ends. */
export function decodeLzma2(packed: Uint8Array, start: number, output: Lzma2Output): number {
  const decoder = new LzmaDecoder(packed, output);
  let at = start;
  const byte = (): number => {
    const value = packed[at++];
    if (value === undefined) throw damaged('chunk', 'it ends within a chunk header');
    return value;
  };
  const twoBytes = (): number => byte() * 256 + byte();
  for (;;) {
    const control = byte();
    if (control === 0) return at;
    if (control === 1 || control >= 0xe0) decoder.resetDictionary();
    if (control < 0x80) {
      if (control > 2) throw damaged('control', `chunk control byte ${control} is reserved`);
      const size = twoBytes() + 1;
      decoder.copyRaw(at, size);
      at += size;
      continue;
    }
    const unpackedSize = (control & 0x1f) * 0x10000 + twoBytes() + 1;
    const packedSize = twoBytes() + 1;
    if (control >= 0xc0) decoder.setProperties(byte());
    else if (control >= 0xa0) decoder.resetState();
    decoder.decodeChunk(at, at + packedSize, unpackedSize);
    at += packedSize;
  }
}

const probabilities = (count: number): Uint16Array => new Uint16Array(count).fill(initialProbability);

/** Length coder: a choice, and trees for lengths of 2 to 9, 10 to 17 and 18 to 273. */
class LengthModel {
  readonly choice = probabilities(2);
  readonly low = probabilities(positionStatesMax << 3);
  readonly middle = probabilities(positionStatesMax << 3);
  readonly high = probabilities(256);

  reset(): void {
    for (const model of [this.choice, this.low, this.middle, this.high]) model.fill(initialProbability);
  }
}

/** Hot: fields and loops are plain, for V8. Unpacking a 40 MiB kernel runs it some 60 million times. */
class LzmaDecoder {
  readonly #packed: Uint8Array;
  readonly #output: Lzma2Output;
  #at = 0;
  #end = 0;
  #range = 0;
  #code = 0;
  #dictionaryStart = 0;
  #needsDictionaryReset = true;
  #needsProperties = true;
  #literalContextBits = 0;
  #literalPositionMask = 0;
  #positionMask = 0;
  #state = 0;
  #rep0 = 0;
  #rep1 = 0;
  #rep2 = 0;
  #rep3 = 0;
  readonly #isMatch = probabilities(stateCount * positionStatesMax);
  readonly #isRep = probabilities(stateCount);
  readonly #isRepG0 = probabilities(stateCount);
  readonly #isRepG1 = probabilities(stateCount);
  readonly #isRepG2 = probabilities(stateCount);
  readonly #isRep0Long = probabilities(stateCount * positionStatesMax);
  readonly #positionSlot = probabilities(4 * 64);
  readonly #positionSpecial = probabilities(115);
  readonly #positionAlign = probabilities(16);
  readonly #matchLength = new LengthModel();
  readonly #repLength = new LengthModel();
  #literal = probabilities(0x300 << 4);

  constructor(packed: Uint8Array, output: Lzma2Output) {
    this.#packed = packed;
    this.#output = output;
  }

  resetDictionary(): void {
    this.#dictionaryStart = this.#output.length;
    this.#needsDictionaryReset = false;
  }

  setProperties(properties: number): void {
    const literalContextBits = properties % 9;
    const literalPositionBits = Math.floor(properties / 9) % 5;
    const positionBits = Math.floor(properties / 45);
    if (positionBits > 4 || literalContextBits + literalPositionBits > 4) {
      throw damaged('properties', `LZMA properties ${properties} are out of range`);
    }
    this.#literalContextBits = literalContextBits;
    this.#literalPositionMask = (1 << literalPositionBits) - 1;
    this.#positionMask = (1 << positionBits) - 1;
    this.#needsProperties = false;
    this.resetState();
  }

  resetState(): void {
    this.#state = 0;
    this.#rep0 = this.#rep1 = this.#rep2 = this.#rep3 = 0;
    const models = [this.#isMatch, this.#isRep, this.#isRepG0, this.#isRepG1, this.#isRepG2, this.#isRep0Long];
    const more = [this.#positionSlot, this.#positionSpecial, this.#positionAlign, this.#literal];
    for (const model of [...models, ...more]) model.fill(initialProbability);
    this.#matchLength.reset();
    this.#repLength.reset();
  }

  copyRaw(from: number, size: number): void {
    if (this.#needsDictionaryReset) throw damaged('control', 'the first chunk keeps a dictionary that is not there');
    if (from + size > this.#packed.length) throw damaged('chunk', 'it ends within a chunk');
    const output = this.#output;
    output.reserve(size);
    output.buffer.set(this.#packed.subarray(from, from + size), output.length);
    output.length += size;
  }

  decodeChunk(start: number, end: number, unpackedSize: number): void {
    if (this.#needsDictionaryReset || this.#needsProperties) {
      throw damaged('control', 'the first chunk keeps a state that is not there');
    }
    if (end > this.#packed.length || end - start < 5) throw damaged('chunk', 'it ends within a chunk');
    this.#at = start + 5;
    this.#end = end;
    this.#range = 0xffffffff;
    this.#code = new DataView(this.#packed.buffer, this.#packed.byteOffset + start + 1).getUint32(0);
    this.#output.reserve(unpackedSize);
    const target = this.#output.length + unpackedSize;
    while (this.#output.length < target) this.#decodeOne(target);
    if (this.#at < end) this.#normalize();
    if (this.#at !== end || this.#code !== 0) throw damaged('chunk', 'a chunk is longer than its content');
  }

  /** One literal or one match. */
  #decodeOne(target: number): void {
    const positionState = (this.#output.length - this.#dictionaryStart) & this.#positionMask;
    const state = this.#state;
    if (this.#bit(this.#isMatch, state * positionStatesMax + positionState) === 0) {
      this.#decodeLiteral();
      return;
    }
    let length: number;
    if (this.#bit(this.#isRep, state) === 0) {
      this.#rep3 = this.#rep2;
      this.#rep2 = this.#rep1;
      this.#rep1 = this.#rep0;
      length = this.#decodeLength(this.#matchLength, positionState);
      this.#state = state < firstMatchState ? 7 : 10;
      this.#rep0 = this.#decodeDistance(length);
    } else {
      length = this.#decodeRepeat(state, positionState);
    }
    this.#copyMatch(length, target);
  }

  #decodeRepeat(state: number, positionState: number): number {
    if (this.#bit(this.#isRepG0, state) === 0) {
      if (this.#bit(this.#isRep0Long, state * positionStatesMax + positionState) === 0) {
        this.#state = state < firstMatchState ? 9 : 11;
        return 1;
      }
    } else {
      let distance = this.#rep1;
      if (this.#bit(this.#isRepG1, state) !== 0) {
        distance = this.#rep2;
        if (this.#bit(this.#isRepG2, state) !== 0) {
          distance = this.#rep3;
          this.#rep3 = this.#rep2;
        }
        this.#rep2 = this.#rep1;
      }
      this.#rep1 = this.#rep0;
      this.#rep0 = distance;
    }
    const length = this.#decodeLength(this.#repLength, positionState);
    this.#state = state < firstMatchState ? 8 : 11;
    return length;
  }

  #decodeLiteral(): void {
    const output = this.#output;
    const { buffer, length } = output;
    const position = length - this.#dictionaryStart;
    const previous = position > 0 ? (buffer[length - 1] as number) : 0;
    const context =
      ((position & this.#literalPositionMask) << this.#literalContextBits) +
      (previous >> (8 - this.#literalContextBits));
    const base = 0x300 * context;
    let symbol = 1;
    if (this.#state >= firstMatchState) {
      let match = buffer[length - this.#rep0 - 1] ?? 0;
      while (symbol < 0x100) {
        const matchBit = (match >> 7) & 1;
        match <<= 1;
        const bit = this.#bit(this.#literal, base + ((1 + matchBit) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== matchBit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(this.#literal, base + symbol);
    buffer[length] = symbol;
    output.length = length + 1;
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  #decodeLength(model: LengthModel, positionState: number): number {
    if (this.#bit(model.choice, 0) === 0) return 2 + this.#tree(model.low, positionState << 3, 3);
    if (this.#bit(model.choice, 1) === 0) return 10 + this.#tree(model.middle, positionState << 3, 3);
    return 18 + this.#tree(model.high, 0, 8);
  }

  #decodeDistance(length: number): number {
    const slot = this.#tree(this.#positionSlot, Math.min(length - 2, 3) << 6, 6);
    if (slot < 4) return slot;
    const directBits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** directBits;
    if (slot < 14) return base + this.#reverseTree(this.#positionSpecial, base - slot, directBits);
    return base + this.#directBits(directBits - 4) * 16 + this.#reverseTree(this.#positionAlign, 0, 4);
  }

  #copyMatch(length: number, target: number): void {
    const output = this.#output;
    const { buffer } = output;
    const to = output.length;
    const from = to - this.#rep0 - 1;
    if (from < this.#dictionaryStart) throw damaged('distance', 'a match reaches back before the data');
    if (to + length > target) throw damaged('length', 'a match reaches past the end of its chunk');
    for (let i = 0; i < length; i++) buffer[to + i] = buffer[from + i] as number;
    output.length = to + length;
  }

  #normalize(): void {
    if (this.#range >= topValue) return;
    if (this.#at >= this.#end) throw damaged('chunk', 'a chunk is shorter than its content');
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | (this.#packed[this.#at++] as number)) >>> 0;
  }

  #bit(model: Uint16Array, index: number): 0 | 1 {
    this.#normalize();
    const probability = model[index] as number;
    const bound = (this.#range >>> probabilityBits) * probability;
    if (this.#code < bound) {
      this.#range = bound;
      model[index] = probability + (((1 << probabilityBits) - probability) >> 5);
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    model[index] = probability - (probability >> 5);
    return 1;
  }

  #tree(model: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.#bit(model, base + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(model: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(model, base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  #directBits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      this.#normalize();
      this.#range >>>= 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit) this.#code -= this.#range;
      value = value * 2 + bit;
    }
    return value;
  }
}

const damaged = (field: string, reason: string): UnpackError => new UnpackError('xz', field, reason);
