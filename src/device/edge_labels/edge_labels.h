#pragma once
// The door of device/edge_labels: raw data around events stays on the gateway's disk, a person on
// the spot looks at it and says what it was, and the answer goes up with the data that it is about.
//
//   Settings, Rule         settings.h   config.labels of the desired document
//   Snippet, Event         snippet.h    what a person sees, and what goes to the hub
//   Ring                   ring.h       snippets on disk, within a limit
//   Recorder               recorder.h   which windows are kept
//   Desk                   desk.h       open questions, answers
//   Page                   page.h       the small local page

#include "device/edge_labels/desk.h"
#include "device/edge_labels/page.h"
#include "device/edge_labels/recorder.h"
#include "device/edge_labels/ring.h"
#include "device/edge_labels/settings.h"
#include "device/edge_labels/snippet.h"
