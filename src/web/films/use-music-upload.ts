import { useEffect, useRef, useState } from 'react';
import { ApiError, uploadAudio } from '../api';
import { sync } from '../state/connection';

export type MusicFault = ApiError['code'];

type Upload = { name: string; part: number; fault?: MusicFault };

/** Uploads a sound file and makes it the music of a film; what the server refuses stays until it is put away. */
export function useMusicUpload(filmId: string) {
  const [upload, setUpload] = useState<Upload | null>(null);
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);

  const start = async (sound: File): Promise<void> => {
    const { name } = sound;
    abort.current = new AbortController();
    setUpload({ name, part: 0 });
    try {
      const onProgress = (part: number) => setUpload({ name, part });
      const { audio_path: path } = await uploadAudio(sound, onProgress, abort.current.signal);
      sync.films.update(filmId, { 'settings.music_path': path });
      setUpload(null);
    } catch (error) {
      setUpload({ name, part: 0, fault: error instanceof ApiError ? error.code : 'NETWORK' });
    }
  };
  const stop = () => {
    abort.current?.abort();
    setUpload(null);
  };
  return { upload, start, stop };
}
