'use strict';
// `npm start`: builds what is missing, then is the server.
require('../src/node-version');
require('./build').buildIfStale();
require('../dist/server.js');
