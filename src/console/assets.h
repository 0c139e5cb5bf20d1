// Style, script, chart library and icon: embedded in the program, served without any other host.
#pragma once

#include <string>
#include <string_view>

#include "billsync/http/router.h"

namespace billsync::console {

// "/assets/app.css?v=0123456789ab": the address changes with the content, so a browser may keep it for a year.
// Throws std::logic_error for an unknown name.
std::string AssetUrl(std::string_view name);

// GET /assets/{name}, for everybody: the login page needs them too.
void AddAssets(http::Router& router);

}  // namespace billsync::console
