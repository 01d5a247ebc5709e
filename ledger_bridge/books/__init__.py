"""What an auditor needs and nothing that serves.

Signed `facts` and edits of the `registry` say what happened and who is who; the `policy` and its
`rules` say what that is worth; `settle` posts what is due and not posted yet, `acts` what somebody
decided, both into the one `book`, whose every group is a leaf of the `log`. `verify` recomputes the
whole from the evidence with these same functions; `telling` shows it to people.
"""
