#include "dialects/Decode/Decode.h"
