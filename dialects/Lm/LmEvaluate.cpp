#include "dialects/Lm/Lm.h"
