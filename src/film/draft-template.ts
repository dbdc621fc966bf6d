// What every draft of 剪映 and CapCut holds, by name; a list that is missing makes the app take the draft for damaged.

const materialLists = [
  ...['ai_translates', 'audio_balances', 'audio_effects', 'audio_fades', 'audio_track_indexes', 'audios', 'beats'],
  ...['canvases', 'chromas', 'color_curves', 'digital_humans', 'drafts', 'effects', 'flowers', 'green_screens'],
  ...['handwrites', 'hsl', 'images', 'log_color_wheels', 'loudnesses', 'manual_deformations', 'masks'],
  ...['material_animations', 'material_colors', 'multi_language_refs', 'placeholders', 'plugin_effects'],
  ...['primary_color_wheels', 'realtime_denoises', 'shapes', 'smart_crops', 'smart_relights'],
  ...['sound_channel_mappings', 'speeds', 'stickers', 'tail_leaders', 'text_templates', 'texts', 'time_marks'],
  ...['transitions', 'video_effects', 'video_trackings', 'videos', 'vocal_beautifys', 'vocal_separations'],
];

const keyframeLists = ['adjusts', 'audios', 'effects', 'filters', 'handwrites', 'stickers', 'texts', 'videos'];

const emptyLists = (names: string[]): Record<string, object[]> => Object.fromEntries(names.map((name) => [name, []]));

/** The lists of a draft without material. */
export const emptyMaterials = (): Record<string, object[]> => emptyLists(materialLists);

/** The fields of a draft that no film changes; the versions are those that open in 5.9 and later. */
export const draftDefaults = {
  color_space: 0,
  config: {
    adjust_max_index: 1,
    attachment_info: [],
    combination_max_index: 1,
    export_range: null,
    extract_audio_last_index: 1,
    lyrics_recognition_id: '',
    lyrics_sync: true,
    lyrics_taskinfo: [],
    maintrack_adsorb: true,
    material_save_mode: 0,
    multi_language_current: 'none',
    multi_language_list: [],
    multi_language_main: 'none',
    multi_language_mode: 'none',
    original_sound_last_index: 1,
    record_audio_last_index: 1,
    sticker_max_index: 1,
    subtitle_keywords_config: null,
    subtitle_recognition_id: '',
    subtitle_sync: true,
    subtitle_taskinfo: [],
    system_font_list: [],
    video_mute: false,
    zoom_info_params: null,
  },
  cover: null,
  extra_info: null,
  free_render_index_mode_on: false,
  group_container: null,
  keyframe_graph_list: [],
  keyframes: emptyLists(keyframeLists),
  mutable_config: null,
  new_version: '110.0.0',
  relationships: [],
  render_index_track_mode_on: false,
  retouch_cover: null,
  source: 'default',
  static_cover_image_path: '',
  time_marks: null,
  version: 360000,
};

/** The fields of a segment that no shot changes. */
export const segmentDefaults = {
  enable_adjust: true,
  enable_color_correct_adjust: false,
  enable_color_curves: true,
  enable_color_match_adjust: false,
  enable_color_wheels: true,
  enable_lut: true,
  enable_smart_color_adjust: false,
  last_nonzero_volume: 1,
  reverse: false,
  track_attribute: 0,
  track_render_index: 0,
  visible: true,
  common_keyframes: [],
  keyframe_refs: [],
  speed: 1,
  is_tone_modify: false,
};

/** The fields of `draft_meta_info.json` that no film changes. */
export const metaDefaults = {
  cloud_package_completed_time: '',
  draft_cloud_capcut_purchase_info: '',
  draft_cloud_last_action_download: false,
  draft_cloud_materials: [],
  draft_cloud_purchase_info: '',
  draft_cloud_template_id: '',
  draft_cloud_tutorial_info: '',
  draft_cloud_videocut_purchase_info: '',
  draft_cover: 'draft_cover.jpg',
  draft_deeplink_url: '',
  draft_enterprise_info: {
    draft_enterprise_extra: '',
    draft_enterprise_id: '',
    draft_enterprise_name: '',
    enterprise_material: [],
  },
  draft_is_ai_packaging_used: false,
  draft_is_ai_shorts: false,
  draft_is_ai_translate: false,
  draft_is_article_video_draft: false,
  draft_is_from_deeplink: 'false',
  draft_is_invisible: false,
  draft_materials_copied_info: [],
  draft_new_version: '',
  draft_removable_storage_device: '',
  draft_segment_extra_info: [],
  draft_type: '',
  tm_draft_cloud_completed: '',
  tm_draft_cloud_modified: 0,
  tm_draft_removed: 0,
};
