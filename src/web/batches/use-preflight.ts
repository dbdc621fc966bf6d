import { useEffect, useRef, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { BatchPreview } from '../../contract/batch';
import { ApiError, noAnswer, previewBatch, type AcceptedOfBatch } from '../api';
import type { Refusal } from '../generate/refusal';
import { editsStored } from '../generate/send';
import { useStore } from '../state/store';
import type { Which } from './start-batch';

type Answer = { wanted: string; turn: number; preview: BatchPreview | null; fault: Refusal | null };

const pauseMs = 500;

/** What a batch would do as the film stands: asked again, with pauses, while the film changes; null until it is known. */
export function usePreflight(which: Which, accepted: AcceptedOfBatch): Pick<Answer, 'preview' | 'fault'> {
  const filmId = useStore((state) => state.filmId);
  const film = useStore(useShallow(({ ids, byId, films, batches, state }) => [ids, byId, films, batches, state]));
  const [answer, setAnswer] = useState<Answer | null>(null);
  const wanted = JSON.stringify([filmId, which, accepted]);
  const asked = useRef({ turn: 0, at: 0 });

  useEffect(() => {
    if (!filmId) return;
    const ask = async () => {
      const turn = ++asked.current.turn;
      asked.current.at = Date.now();
      const result = await preview({ film_id: filmId, ...which, ...accepted });
      // An answer that was overtaken by a later one is old.
      setAnswer((shown) => (shown && shown.turn > turn ? shown : { wanted, turn, ...result }));
    };
    const timer = setTimeout(() => void ask(), Math.max(0, asked.current.at + pauseMs - Date.now()));
    return () => clearTimeout(timer);
    // What is wanted is compared by its words.
  }, [filmId, wanted, film]);

  return answer?.wanted === wanted ? answer : { preview: null, fault: null };
}

async function preview(body: Parameters<typeof previewBatch>[0]): Promise<Pick<Answer, 'preview' | 'fault'>> {
  try {
    await editsStored();
    return { preview: await previewBatch(body), fault: null };
  } catch (error) {
    const fault = error instanceof ApiError ? error : noAnswer();
    // That nothing is to be made is an answer too.
    if (fault.code === 'NOTHING_TO_GENERATE') return { preview: { ready: [], blocked: [], estimate: [] }, fault: null };
    return { preview: null, fault };
  }
}
