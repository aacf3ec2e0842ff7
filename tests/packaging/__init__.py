"""What goes to AWS: template, permissions, zip."""
