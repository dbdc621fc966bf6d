"""Reads an unzipped package with the libraries of other people and prints what they see as JSON."""
import json
import os
import sys
import zipfile

import opentimelineio as otio
from pyJianYingDraft import DraftFolder


def seen(timeline):
    rate = timeline.duration().rate
    rows = []
    for track in timeline.tracks:
        children = []
        for child in track:
            if isinstance(child, otio.schema.Transition):
                children.append(["transition", child.in_offset.value, child.out_offset.value])
                continue
            start = round(child.range_in_parent().start_time.rescaled_to(rate).value)
            length = round(child.duration().rescaled_to(rate).value)
            if isinstance(child, otio.schema.Gap):
                children.append(["gap", start, length])
                continue
            source = round(child.source_range.start_time.rescaled_to(rate).value)
            children.append([child.media_reference.target_url, start, length, source])
        rows.append({"name": track.name, "kind": track.kind, "children": children})
    return {"rate": rate, "frames": round(timeline.duration().value), "tracks": rows}


def main():
    what, path = sys.argv[1:]
    if what == "zip":
        with zipfile.ZipFile(path) as package:
            print(json.dumps({"bad": package.testzip(), "names": package.namelist()}))
    elif what == "timeline":
        print(json.dumps(seen(otio.adapters.read_from_file(path))))
    elif what == "draft":
        script = DraftFolder(os.path.dirname(path)).load_template(os.path.basename(path))
        tracks = [
            [track.track_type.name, [[s.target_timerange.start, s.target_timerange.end] for s in track.segments]]
            for track in script.imported_tracks
        ]
        print(json.dumps({"fps": script.fps, "duration": script.duration, "tracks": tracks}))


main()
