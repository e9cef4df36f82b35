"""fetch_file.py PROJECT FILE FOLDER: gets a file from the index, as pip does, and runs none of it.

`pip download` runs the build backend of a source distribution. Run with the pip of tools.txt, of
which this uses what is not public.
"""

import sys
from pathlib import Path

from pip._internal.commands import create_command

project, file, folder = sys.argv[1:]
command = create_command("download")
with command.main_context():
    options, _ = command.parse_args([])
    session = command.get_default_session(options)
    finder = command._build_package_finder(options, session)
    links = {found.link.filename: found.link for found in finder.find_all_candidates(project)}
    headers = {"Accept-Encoding": "identity"}
    response = session.get(links[file].url_without_fragment, headers=headers)
    response.raise_for_status()
Path(folder, file).write_bytes(response.content)
