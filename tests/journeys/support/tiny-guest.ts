/** Guests of a few bytes: Multiboot 1 images with 32-bit code made by hand. */

const loadAddress = 0x100000;
const headerBytes = 32;
const header = { magic: 0x1badb002, addressFields: 1 << 16 } as const;

/** An image that begins with this code (Multiboot specification, section 3.1.3: the header tells the addresses). */
export function tinyGuest(...code: readonly (readonly number[])[]): Uint8Array {
  const bytes = Uint8Array.from([...new Array(headerBytes).fill(0), ...code.flat()]);
  const end = loadAddress + bytes.length;
  const words = [
    header.magic,
    header.addressFields,
    -(header.magic + header.addressFields),
    loadAddress,
    loadAddress,
    end,
    end,
    loadAddress + headerBytes,
  ];
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    view.setUint32(i * 4, word, true);
  });
  return bytes;
}

const low = (value: number): number => value & 0xff;
const high = (value: number): number => value >> 8;

/** mov dx, port; mov al, value; out dx, al */
export const out8 = (port: number, value: number): number[] => [0x66, 0xba, low(port), high(port), 0xb0, value, 0xee];
/** mov dx, port; mov ax, value; out dx, ax */
export const out16 = (port: number, value: number): number[] => [
  ...[0x66, 0xba, low(port), high(port)],
  ...[0x66, 0xb8, low(value), high(value), 0x66, 0xef],
];
/** Writes a text to the first serial port. */
export const print = (text: string): number[] => [...text].flatMap((character) => out8(0x3f8, character.charCodeAt(0)));
/** Polls the first serial port for a character, into AL, and leaves its data port in DX. */
const readSerial = [
  ...[0x66, 0xba, 0xfd, 0x03], // mov dx, 0x3fd
  ...[0xec, 0xa8, 0x01, 0x74, 0xfb], // in al, dx; test al, 1; jz the line status read
  ...[0x66, 0xba, 0xf8, 0x03, 0xec], // mov dx, 0x3f8; in al, dx
];
/** Sends back what it reads, up to and with this character. */
export const echoUntil = (last: string): number[] => {
  const body = [...readSerial, 0xee, 0x3c, last.charCodeAt(0)]; // out dx, al; cmp al, last
  return [...body, 0x75, 0x100 - body.length - 2]; // jne the beginning
};
/** hlt; jmp it */
export const haltForever = [0xf4, 0xeb, 0xfd];
/** jmp itself */
export const spinForever = [0xeb, 0xfe];
/** ud2, for which there is no handler, nor for that fault. */
export const tripleFault = [0x0f, 0x0b];
export const exitWith = (value: number, port = 0xf4): number[] => [...out8(port, value), ...haltForever];
/** SLP_TYP 5 and SLP_EN to PM1a control. */
export const powerOff = [...out16(0x604, (5 << 10) | (1 << 13)), ...haltForever];
/** A hard reset by the reset control register. */
export const reset = [...out8(0xcf9, 0x06), ...haltForever];
