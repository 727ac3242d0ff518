export type WasmType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

export interface Opcode {
  readonly name: string;
  /** Bytes of the opcode; SIMD and saturating operations have a prefix byte and a LEB128 number. */
  readonly code: readonly number[];
  readonly params: readonly WasmType[];
  readonly result: WasmType | undefined;
  /** A lane number follows. */
  readonly lane?: boolean;
}

const letters: Record<string, WasmType> = { i: 'i32', l: 'i64', f: 'f32', d: 'f64', v: 'v128' };

/** Each line: a signature (`il>i`), then `name=opcode` in hex. Prefixed opcodes are written `fd.NN`. */
const plain = `
i>i   i32.eqz=45 i32.clz=67 i32.ctz=68 i32.popcnt=69 i32.extend8_s=c0 i32.extend16_s=c1
ii>i  i32.eq=46 i32.ne=47 i32.lt_s=48 i32.lt_u=49 i32.gt_s=4a i32.gt_u=4b i32.le_s=4c i32.le_u=4d i32.ge_s=4e i32.ge_u=4f
ii>i  i32.add=6a i32.sub=6b i32.mul=6c i32.div_s=6d i32.div_u=6e i32.rem_s=6f i32.rem_u=70
ii>i  i32.and=71 i32.or=72 i32.xor=73 i32.shl=74 i32.shr_s=75 i32.shr_u=76 i32.rotl=77 i32.rotr=78
l>i   i64.eqz=50 i32.wrap_i64=a7
ll>i  i64.eq=51 i64.ne=52 i64.lt_s=53 i64.lt_u=54 i64.gt_s=55 i64.gt_u=56 i64.le_s=57 i64.le_u=58 i64.ge_s=59 i64.ge_u=5a
l>l   i64.clz=79 i64.ctz=7a i64.popcnt=7b i64.extend8_s=c2 i64.extend16_s=c3 i64.extend32_s=c4
ll>l  i64.add=7c i64.sub=7d i64.mul=7e i64.div_s=7f i64.div_u=80 i64.rem_s=81 i64.rem_u=82
ll>l  i64.and=83 i64.or=84 i64.xor=85 i64.shl=86 i64.shr_s=87 i64.shr_u=88 i64.rotl=89 i64.rotr=8a
i>l   i64.extend_i32_s=ac i64.extend_i32_u=ad
ff>i  f32.eq=5b f32.ne=5c f32.lt=5d f32.gt=5e f32.le=5f f32.ge=60
dd>i  f64.eq=61 f64.ne=62 f64.lt=63 f64.gt=64 f64.le=65 f64.ge=66
f>f   f32.abs=8b f32.neg=8c f32.nearest=90 f32.sqrt=91
ff>f  f32.add=92 f32.sub=93 f32.mul=94 f32.div=95 f32.min=96 f32.max=97
d>d   f64.abs=99 f64.neg=9a f64.nearest=9e f64.sqrt=9f
dd>d  f64.add=a0 f64.sub=a1 f64.mul=a2 f64.div=a3 f64.min=a4 f64.max=a5
f>i   i32.reinterpret_f32=bc i32.trunc_sat_f32_s=fc.0
d>i   i32.trunc_sat_f64_s=fc.2
f>l   i64.trunc_sat_f32_s=fc.4
d>l   i64.reinterpret_f64=bd i64.trunc_sat_f64_s=fc.6
i>f   f32.convert_i32_s=b2 f32.reinterpret_i32=be
l>f   f32.convert_i64_s=b4
d>f   f32.demote_f64=b6
i>d   f64.convert_i32_s=b7
l>d   f64.convert_i64_s=b9 f64.convert_i64_u=ba f64.reinterpret_i64=bf
f>d   f64.promote_f32=bb
i>v   i8x16.splat=fd.0f i16x8.splat=fd.10 i32x4.splat=fd.11
l>v   i64x2.splat=fd.12
vv>v  i8x16.swizzle=fd.0e
vv>v  i8x16.eq=fd.23 i8x16.gt_s=fd.27 i16x8.eq=fd.2d i16x8.gt_s=fd.31 i32x4.eq=fd.37 i32x4.gt_s=fd.3b
vv>v  f32x4.eq=fd.41 f32x4.ne=fd.42 f32x4.lt=fd.43 f32x4.le=fd.45 f64x2.eq=fd.47 f64x2.ne=fd.48 f64x2.lt=fd.49 f64x2.le=fd.4b
v>v   v128.not=fd.4d
vv>v  v128.and=fd.4e v128.andnot=fd.4f v128.or=fd.50 v128.xor=fd.51
vvv>v v128.bitselect=fd.52
v>v   f32x4.demote_f64x2_zero=fd.5e f64x2.promote_low_f32x4=fd.5f
v>v   i8x16.abs=fd.60 i8x16.neg=fd.61 i16x8.abs=fd.80 i16x8.neg=fd.81 i32x4.abs=fd.a0 i32x4.neg=fd.a1
v>i   i8x16.bitmask=fd.64 i16x8.bitmask=fd.84 i32x4.bitmask=fd.a4 i64x2.bitmask=fd.c4
vv>v  i8x16.narrow_i16x8_s=fd.65 i8x16.narrow_i16x8_u=fd.66 i16x8.narrow_i32x4_s=fd.85 i16x8.narrow_i32x4_u=fd.86
vi>v  i16x8.shl=fd.8b i16x8.shr_s=fd.8c i16x8.shr_u=fd.8d i32x4.shl=fd.ab i32x4.shr_s=fd.ac i32x4.shr_u=fd.ad i64x2.shl=fd.cb i64x2.shr_u=fd.cd
vv>v  i8x16.add=fd.6e i8x16.add_sat_s=fd.6f i8x16.add_sat_u=fd.70 i8x16.sub=fd.71 i8x16.sub_sat_s=fd.72 i8x16.sub_sat_u=fd.73
vv>v  i8x16.min_s=fd.76 i8x16.min_u=fd.77 i8x16.max_s=fd.78 i8x16.max_u=fd.79 i8x16.avgr_u=fd.7b
vv>v  i16x8.add=fd.8e i16x8.add_sat_s=fd.8f i16x8.add_sat_u=fd.90 i16x8.sub=fd.91 i16x8.sub_sat_s=fd.92 i16x8.sub_sat_u=fd.93 i16x8.mul=fd.95
vv>v  i16x8.min_s=fd.96 i16x8.min_u=fd.97 i16x8.max_s=fd.98 i16x8.max_u=fd.99 i16x8.avgr_u=fd.9b
vv>v  i32x4.add=fd.ae i32x4.sub=fd.b1 i32x4.mul=fd.b5 i32x4.dot_i16x8_s=fd.ba i64x2.add=fd.ce i64x2.sub=fd.d1 i64x2.mul=fd.d5
vv>v  i32x4.extmul_low_i16x8_s=fd.bc i32x4.extmul_high_i16x8_s=fd.bd i32x4.extmul_low_i16x8_u=fd.be i32x4.extmul_high_i16x8_u=fd.bf
v>v   i16x8.extend_low_i8x16_u=fd.89 i16x8.extend_high_i8x16_u=fd.8a i32x4.extend_low_i16x8_u=fd.a9 i32x4.extend_high_i16x8_u=fd.aa
v>v   i16x8.extadd_pairwise_i8x16_u=fd.7d i32x4.extadd_pairwise_i16x8_u=fd.7f i64x2.extend_low_i32x4_u=fd.c9
v>v   f32x4.abs=fd.e0 f32x4.neg=fd.e1 f32x4.sqrt=fd.e3 f64x2.abs=fd.ec f64x2.neg=fd.ed f64x2.sqrt=fd.ef f32x4.nearest=fd.6a f64x2.nearest=fd.94
vv>v  f32x4.add=fd.e4 f32x4.sub=fd.e5 f32x4.mul=fd.e6 f32x4.div=fd.e7 f64x2.add=fd.f0 f64x2.sub=fd.f1 f64x2.mul=fd.f2 f64x2.div=fd.f3
v>v   i32x4.trunc_sat_f32x4_s=fd.f8 f32x4.convert_i32x4_s=fd.fa i32x4.trunc_sat_f64x2_s_zero=fd.fc f64x2.convert_low_i32x4_s=fd.fe
f>f   f32.ceil=8d f32.floor=8e f32.trunc=8f
d>d   f64.ceil=9b f64.floor=9c f64.trunc=9d
f>v   f32x4.splat=fd.13
d>v   f64x2.splat=fd.14
v>v   f32x4.ceil=fd.67 f32x4.floor=fd.68 f32x4.trunc=fd.69 f64x2.ceil=fd.74 f64x2.floor=fd.75 f64x2.trunc=fd.7a
vv>v  f32x4.pmin=fd.ea f32x4.pmax=fd.eb f64x2.pmin=fd.f6 f64x2.pmax=fd.f7
vv>v  i64x2.extmul_low_i32x4_s=fd.dc i64x2.extmul_low_i32x4_u=fd.de
vv>v  i8x16.gt_u=fd.28 i8x16.le_u=fd.2a i16x8.le_u=fd.34 i64x2.eq=fd.d6 i64x2.gt_s=fd.d9 i16x8.q15mulr_sat_s=fd.82
vv>v  i32x4.min_s=fd.b6 i32x4.min_u=fd.b7 i32x4.max_s=fd.b8 i32x4.max_u=fd.b9
v>v   i16x8.extend_low_i8x16_s=fd.87 i32x4.extend_low_i16x8_s=fd.a7 i64x2.extend_low_i32x4_s=fd.c7
vi>v  i64x2.shr_s=fd.cc
v>i   v128.any_true=fd.53
`;

const lanes = `
v>i   i8x16.extract_lane_u=fd.16 i16x8.extract_lane_u=fd.19 i32x4.extract_lane=fd.1b
v>l   i64x2.extract_lane=fd.1d
v>f   f32x4.extract_lane=fd.1f
v>d   f64x2.extract_lane=fd.21
vi>v  i8x16.replace_lane=fd.17 i16x8.replace_lane=fd.1a i32x4.replace_lane=fd.1c
vl>v  i64x2.replace_lane=fd.1e
vf>v  f32x4.replace_lane=fd.20
vd>v  f64x2.replace_lane=fd.22
`;

function encode(text: string): number[] {
  const [prefix, number] = text.split('.');
  if (number === undefined) return [Number.parseInt(text, 16)];
  const value = Number.parseInt(number, 16);
  const leb = value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >> 7];
  return [Number.parseInt(prefix ?? '', 16), ...leb];
}

const typesOf = (text: string): WasmType[] => [...text].map((letter) => letters[letter] as WasmType);

function* parse(table: string, lane: boolean): Generator<[string, Opcode]> {
  for (const line of table.trim().split('\n')) {
    const [signature = '', ...entries] = line.trim().split(/\s+/);
    const [params = '', result = ''] = signature.split('>');
    for (const entry of entries) {
      const [name = '', code = ''] = entry.split('=');
      yield [name, { name, code: encode(code), params: typesOf(params), result: typesOf(result)[0], lane }];
    }
  }
}

/** Numeric instructions by their names in the WebAssembly specification (core, 5.4.6 to 5.4.8). */
export const opcodes: ReadonlyMap<string, Opcode> = new Map([...parse(plain, false), ...parse(lanes, true)]);

/** Loads and stores: opcode bytes and the type of the value. */
export const memoryOpcodes: Readonly<Record<string, { readonly code: readonly number[]; readonly type: WasmType }>> = {
  'i32.load': { code: [0x28], type: 'i32' },
  'i64.load': { code: [0x29], type: 'i64' },
  'f32.load': { code: [0x2a], type: 'f32' },
  'f64.load': { code: [0x2b], type: 'f64' },
  'i32.load8_s': { code: [0x2c], type: 'i32' },
  'i32.load8_u': { code: [0x2d], type: 'i32' },
  'i32.load16_s': { code: [0x2e], type: 'i32' },
  'i32.load16_u': { code: [0x2f], type: 'i32' },
  'i64.load32_s': { code: [0x34], type: 'i64' },
  'i64.load32_u': { code: [0x35], type: 'i64' },
  'v128.load': { code: [0xfd, 0x00], type: 'v128' },
  'v128.load32_zero': { code: [0xfd, 0x5c], type: 'v128' },
  'v128.load64_zero': { code: [0xfd, 0x5d], type: 'v128' },
  'i32.store': { code: [0x36], type: 'i32' },
  'i64.store': { code: [0x37], type: 'i64' },
  'f32.store': { code: [0x38], type: 'f32' },
  'f64.store': { code: [0x39], type: 'f64' },
  'i32.store8': { code: [0x3a], type: 'i32' },
  'i32.store16': { code: [0x3b], type: 'i32' },
  'v128.store': { code: [0xfd, 0x0b], type: 'v128' },
};

export const typeCodes: Readonly<Record<WasmType, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
