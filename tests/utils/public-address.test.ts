import { isPublicAddress, isPublicAnswer, lookupPublic } from '../../src/utils/public-address';

test.each([
  ['8.8.8.8', true],
  ['2606:4700::1111', true],
  ['10.1.2.3', false],
  ['100.64.0.1', false],
  ['127.0.0.1', false],
  ['169.254.169.254', false],
  ['172.31.255.255', false],
  ['172.32.0.1', true],
  ['192.168.0.1', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::', false],
  ['::1', false],
  ['::ffff:8.8.8.8', false],
  ['64:ff9b::7f00:1', false],
  ['fe80::1', false],
  ['fd00::1', false],
  ['2001:db8::1', false],
  ['2002:7f00:1::', false],
  ['localhost', false],
])('the address %s counts as public: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});

test.each([
  ['8.8.8.8', true],
  ['198.18.0.1', true],
  ['198.19.255.255', true],
  ['198.20.0.1', true],
  ['198.17.255.255', true],
  ['192.168.0.1', false],
  ['2001:2::', true],
  ['2001:2:0:ffff::1', true],
  ['2001:2:1::', false],
  ['64:ff9b::808:808', true],
  ['64:ff9b::8.8.8.8', true],
  ['64:ff9b::7f00:1', false],
  ['64:ff9b::a00:0', false],
  ['64:ff9b::', false],
  ['64:ff9b::1', false],
  ['64:ff9b::c612:a', false],
  ['64:ff9b:1::808:808', false],
  ['::ffff:10.0.0.1', false],
  ['fe80::1', false],
  ['::1', false],
])('%s is taken as the answer of a DNS: %s', (address, expected) => {
  expect(isPublicAnswer(address)).toBe(expected);
});

test('a name that resolves to this machine is refused', async () => {
  const error = await new Promise((resolve) => lookupPublic('localhost', { all: true }, resolve));
  expect(String(error)).toContain('localhost is not at a public address');
});
