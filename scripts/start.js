'use strict';
// `npm start`: builds what is missing or outdated, then runs the server in this process.
require('../src/node-version');
require('./build').buildIfStale();
require('../dist/server.js');
