#pragma once
// Which Device resource stands for which edge node, or for which device behind one. Made by whoever
// watches the registry, and shared as a snapshot: who may publish, and whose the points are.

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace mw::sparkplug {

struct Address {
    std::string group;
    std::string node;
    std::string device;  // empty: the edge node itself
    bool operator==(const Address&) const = default;
};

// By the name of the Device resource. No address is there twice.
using Addresses = std::map<std::string, Address, std::less<>>;
using AddressSnapshot = std::shared_ptr<const Addresses>;

}  // namespace mw::sparkplug
