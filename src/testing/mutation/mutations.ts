import { arithmeticMutations } from './arithmetic-mutations.ts';
import { floatMutations } from './float-mutations.ts';
import type { Mutation } from './mutation.ts';
import { systemMutations } from './system-mutations.ts';

export const mutations: readonly Mutation[] = [...arithmeticMutations, ...floatMutations, ...systemMutations];
