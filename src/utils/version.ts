import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../config';

const file = path.join(projectRoot, 'package.json');

/** The version that package.json names, or `unknown` where that file does not lie beside a built server. */
export const version: string = existsSync(file)
  ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  : 'unknown';
