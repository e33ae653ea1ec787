#pragma once
// The life of a device, from the day somebody writes it down to the day it is scrapped, and what it
// may do in each state: the events that the table lists for it. Pure.

#include <string>
#include <string_view>

#include "base/state_table.h"
#include "domain/resource.h"

namespace mw::onboarding {

// What a device does: enroll (a first certificate), renew, connect (MQTT, downloads). What people
// do: quarantine, release, suspend, resume, retire, readmit, transfer, replace.
const StateTable& device_table();

// status.state; without one: registered, or enrolled when it has a certificate.
std::string device_state(const Resource& device);
bool may(std::string_view state, std::string_view event);
// Of an event that people cause; the error lists them.
Result<> check_event(std::string_view event);

}  // namespace mw::onboarding
