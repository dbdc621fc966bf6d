'use strict';
// Asks for the version of Node before anything is loaded that an old one cannot read; so this file is plain, and in old words.
const [major, minor] = process.versions.node.split('.').map(Number);
// The `engines` of package.json, which need not lie beside a built server; a test holds the two together.
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
  // As for wrong settings: PM2 and systemd do not try again.
  process.exit(78);
}
