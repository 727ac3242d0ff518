import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StateError } from '../base/index.ts';
import type { SavedDevice } from '../machine/devices/index.ts';

export interface DeviceContract<State> {
  readonly name: string;
  readonly create: () => SavedDevice<State>;
  /** Brings the device into a state far from reset. */
  readonly disturb: (device: SavedDevice<State>) => void;
}

/** What every device owes a snapshot: state that survives, and doubt about each field. */
export function testSavedDevice<State>({ name, create, disturb }: DeviceContract<State>): void {
  test(`${name} restores what it saved, and saving changes nothing`, () => {
    const device = create();
    disturb(device);
    const saved = device.save();
    assert.deepEqual(device.save(), saved);
    const restored = create();
    restored.restore(JSON.parse(JSON.stringify(saved)));
    assert.deepEqual(restored.save(), saved);
    assert.notDeepEqual(create().save(), saved);
  });

  test(`${name} refuses saved state with one field spoiled or missing, and names it`, () => {
    const device = create();
    disturb(device);
    const saved = device.save();
    for (const path of leafPaths(saved)) {
      assert.throws(() => create().restore(spoiled(saved, path, 'spoiled')), refusal(path));
      assert.throws(() => create().restore(spoiled(saved, path, Number.NaN)), refusal(path));
      assert.throws(() => create().restore(spoiled(saved, path, undefined)), refusal(path));
    }
    assert.throws(() => create().restore(spoiled(saved, ['surplus'], 1)), refusal(['surplus']));
    assert.throws(() => device.schema.decode(device.schema.version + 1, saved), refusal(['version']));
  });
}

type Path = readonly (string | number)[];

function leafPaths(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return keys.flatMap((key) => leafPaths((value as Record<string | number, unknown>)[key], [...path, key]));
}

function spoiled<State>(state: State, path: Path, value: unknown): State {
  const copy = structuredClone(state);
  let at = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  at[path.at(-1)!] = value;
  return copy;
}

function refusal(path: Path): (error: unknown) => true {
  const field = path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? key : `${text}.${key}`;
  }, '');
  return (error) => {
    assert.ok(error instanceof StateError, `${error}`);
    assert.equal(error.field, field);
    return true;
  };
}
