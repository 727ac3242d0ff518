/** High word of the 64-bit product of two unsigned words. */
export function multiplyHigh(x: number, y: number): number {
  const xl = x & 0xffff;
  const xh = x >>> 16;
  const yl = y & 0xffff;
  const yh = y >>> 16;
  const t = Math.imul(xh, yl) + (Math.imul(xl, yl) >>> 16);
  const w = Math.imul(xl, yh) + (t & 0xffff);
  return (Math.imul(xh, yh) + (t >>> 16) + (w >>> 16)) | 0;
}
