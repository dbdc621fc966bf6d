import type { Ref } from 'react';

type Props = { ref: Ref<HTMLInputElement>; id: string; multiple?: boolean; onPick: (files: File[]) => void };

/** The hidden file field behind a button. */
export function PictureInput({ ref, id, multiple, onPick }: Props) {
  return (
    <input
      ref={ref}
      id={id}
      type="file"
      // By their endings too, for systems that know no HEIC.
      accept="image/*,.heic,.heif,.avif"
      multiple={multiple}
      hidden
      onChange={({ target }) => {
        onPick([...(target.files ?? [])]);
        // So that the same file can be chosen again.
        target.value = '';
      }}
    />
  );
}
