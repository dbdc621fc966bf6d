import { z } from 'zod';
import { audioPath, audioUrl } from '../contract/film';
import { storeAudio } from '../media/audio';
import { createReceiver } from '../media/receive-file';
import { defineEndpoint } from '../utils/endpoint';

const withFile = createReceiver({ field: 'audio', maxBytes: 100 * 1024 ** 2, noun: 'sound file' });

/** Stores one uploaded sound file, checked by its bytes and by decoding it; a rejected one leaves nothing on the disk. */
export const uploadAudio = defineEndpoint({
  method: 'post',
  path: '/api/upload/audio',
  summary: 'Uploads the music of a film: MP3, WAV, M4A, AAC, OGG or FLAC, at most 100 MiB.',
  file: 'audio',
  reply: z.strictObject({
    audio_path: audioPath,
    audio_url: audioUrl,
    duration_s: z.number().positive(),
    size: z.int(),
    mime: z.string(),
  }),
  status: 201,
  errors: ['INVALID_INPUT', 'FILE_TOO_LARGE', 'UNSUPPORTED_FILE', 'AUDIO_UNREADABLE', 'DISK_FULL'],
  handle: ({ request, signal }) => withFile(request, signal, (file) => storeAudio(file, signal)),
});
