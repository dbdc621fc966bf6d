'use strict';
// Checks the version of Node before loading anything that an old one cannot parse, so this file is plain, old JavaScript.
const [major, minor] = process.versions.node.split('.').map(Number);
// The same as `engines` in package.json, which may be missing beside a built server; a test compares the two.
const wanted = '20.19';
const [wantedMajor, wantedMinor] = wanted.split('.').map(Number);

if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
  process.stderr.write(
    'This is Node ' +
      process.versions.node +
      ', and the server needs ' +
      wanted +
      ' or newer; install that and start again.\n',
  );
  // As for invalid settings, PM2 and systemd do not restart it.
  process.exit(78);
}
