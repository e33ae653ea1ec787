#pragma once
// A LabelTask as a resource: its states, its name, its making. Pure.

#include "base/state_table.h"
#include "data/label_log/label_log.h"
#include "domain/decision.h"
#include "domain/resource.h"
#include "fleet/labelling/choice.h"

namespace mw::labelling {

const StateTable& task_table();

// The same window of the same device and model has one name: it never becomes two tasks.
std::string task_name(const Decision& decision);
std::string task_name(const labels::Label& label);
Resource task_of(const Monitor& monitor, const Decision& decision, const Choice& choice);
// The answer to a task, as the log keeps it.
Result<labels::Label> label_of(const Resource& task, bool event, std::string author, Timestamp now);

}  // namespace mw::labelling
