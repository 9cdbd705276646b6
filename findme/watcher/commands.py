"""The names of the photographers' commands, apart from the code that runs them."""

#: Name and one line of help.
COMMANDS = {
    "watch": "send a folder's photos as they arrive",
    "upload": "send single photos",
}
