"""What is made of results: table files, contact sheets, and the HTML page with its figures."""
