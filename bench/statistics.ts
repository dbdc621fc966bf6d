/** The value below which the given share of the numbers lies; 0.5 is the median. */
export function quantile(numbers: number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  if (sorted.length === 0) throw new Error('nothing was measured');
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

export const median = (numbers: number[]): number => quantile(numbers, 0.5);

export const mean = (numbers: number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** One figure of the server and of the two equal floors, taken shortly after each other. */
export type Round = { server: number; floor: number; control: number };

/** The medians over all rounds, the server as a multiple of the floors of its round, and how far equal floors differ. */
export function summary(rounds: Round[]): Round & { ratio: number; noise: number } {
  const ofFloors = ({ floor, control }: Round) => (floor + control) / 2;
  return {
    server: median(rounds.map(({ server }) => server)),
    floor: median(rounds.map(({ floor }) => floor)),
    control: median(rounds.map(({ control }) => control)),
    ratio: median(rounds.map((round) => round.server / ofFloors(round))),
    noise: median(rounds.map((round) => Math.abs(round.floor - round.control) / ofFloors(round))),
  };
}
