import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../config';

const file = path.join(projectRoot, 'package.json');

/** The version in package.json, or `unknown` if a built server has no such file. */
export const version: string = existsSync(file)
  ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  : 'unknown';
